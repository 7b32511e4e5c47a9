package tape

import "encoding/binary"

// headerLen is the length of an entry without its payload.
const headerLen = 5

// buffer is the memory of a Writer, which has a limit.
type buffer struct {
	buf     []byte
	limit   int
	eighth  int // of the limit
	content int // the part of the limit that content may fill
	cut     bool
}

// Release gives back memory that an idle session does not need.
func (b *buffer) Release() {
	const usual = 16 << 10
	if cap(b.buf) > usual {
		b.buf = nil
	}
}

// Limit returns the limit.
func (b *buffer) Limit() int { return b.limit }

// SetLimit changes the limit.
func (b *buffer) SetLimit(limit int) {
	b.limit, b.eighth = limit, limit/8
	b.content = limit - content*b.eighth
}

// HasRoom reports whether n more bytes of content fit, and some entries besides.
func (b *buffer) HasRoom(n int) bool { return len(b.buf)+n+4<<10 <= b.content }

// Bytes returns what was written. It is valid until the next call.
func (b *buffer) Bytes() []byte { return b.buf }

// Cut reports whether something was left out.
func (b *buffer) Cut() bool { return b.cut }

// What entries of a sort leave free, in eighths of the limit. Frames without their data, and
// what filters may write any number of times, must not take the room of what says how the
// message ended.
const (
	content = 2
	many    = 1
	few     = 0
)

// fits reports whether an entry with n bytes of payload is to be written, which leaves some
// eighths of the limit free.
func (b *buffer) fits(n, free int) bool {
	if len(b.buf)+headerLen+n > b.limit-free*b.eighth {
		b.cut = true
		return false
	}
	return true
}

// freeAt returns what a verdict or an error at a stage leaves free.
func freeAt(stage byte) int {
	if stage == StageRcpt || stage == StageUnknown {
		return many
	}
	return few
}

// extend makes room for n bytes that the limit does not count.
func (b *buffer) extend(n int) { b.limit, b.content = b.limit+n, b.content+n }

// begin begins an entry. end writes its length.
func (b *buffer) begin(k Kind) (at int) {
	at = len(b.buf)
	b.buf = append(b.buf, byte(k), 0, 0, 0, 0)
	return at
}

func (b *buffer) end(at int) {
	binary.BigEndian.PutUint32(b.buf[at+1:], uint32(len(b.buf)-at-headerLen)) //nolint:gosec // bounded by the limit
}

func (b *buffer) byte(c byte)     { b.buf = append(b.buf, c) }
func (b *buffer) number(n uint64) { b.buf = binary.AppendUvarint(b.buf, n) }

func (b *buffer) text(s string) {
	b.number(uint64(len(s)))
	b.buf = append(b.buf, s...)
}
