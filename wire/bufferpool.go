package wire

import "sync"

// The sizes of the buffers that a decoder reads into. A small buffer holds the
// commands of an envelope. A large buffer holds any frame within the default
// limit and further bytes that one Read returns with it. A huge buffer holds
// any frame that SMFIP_MDS_1M allows.
const (
	smallBuffer = 4 << 10
	largeBuffer = 72 << 10
	hugeBuffer  = Limit1M + 8<<10
)

// BufferPool lends buffers to decoders. All connections of a server can share
// one pool, which is safe for concurrent use. The zero value is ready to use. A
// pool must not be copied.
type BufferPool struct {
	small, large, huge sync.Pool
}

// get returns a buffer of at least n bytes.
func (p *BufferPool) get(n int) []byte {
	switch {
	case n <= smallBuffer:
		if b, ok := p.small.Get().(*[smallBuffer]byte); ok {
			return b[:]
		}
		return new([smallBuffer]byte)[:]
	case n <= largeBuffer:
		if b, ok := p.large.Get().(*[largeBuffer]byte); ok {
			return b[:]
		}
		return new([largeBuffer]byte)[:]
	case n <= hugeBuffer:
		if b, ok := p.huge.Get().(*[hugeBuffer]byte); ok {
			return b[:]
		}
		return new([hugeBuffer]byte)[:]
	}
	return make([]byte, n)
}

func (p *BufferPool) put(b []byte) {
	switch len(b) {
	case smallBuffer:
		p.small.Put((*[smallBuffer]byte)(b))
	case largeBuffer:
		p.large.Put((*[largeBuffer]byte)(b))
	case hugeBuffer:
		p.huge.Put((*[hugeBuffer]byte)(b))
	}
}
