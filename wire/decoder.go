package wire

import (
	"encoding/binary"
	"io"
	"strconv"
)

// Decoder turns a stream of bytes into frames. It reads only in [Decoder.Fill],
// which calls Read once. [Decoder.Next] returns the complete frames among the
// bytes that Fill has read. The caller thus decides when to block, and one Read
// can yield many frames.
//
// A Decoder takes a buffer from its pool at the first Fill. [Decoder.Release]
// returns the buffer if no bytes remain in it. A Decoder is not safe for
// concurrent use.
type Decoder struct {
	pool   *BufferPool
	buf    []byte
	start  int // offset in buf of the first byte that Next has not returned
	end    int // offset in buf of the end of the bytes read
	limit  int
	lent   []byte
	poison bool
}

// NewDecoder returns a decoder that takes its buffers from pool. The decoder
// rejects a frame that announces more than limit bytes, including the code.
// limit must be positive.
func NewDecoder(pool *BufferPool, limit int) *Decoder {
	return &Decoder{pool: pool, limit: limit}
}

// SetLimit changes the limit for frames that Next has not returned yet, after
// SMFIP_MDS bits were negotiated. limit must be positive.
func (d *Decoder) SetLimit(limit int) { d.limit = limit }

// Poison makes the decoder overwrite a frame's data as soon as the frame is no
// longer valid. A test can then detect code that retained the data.
func (d *Decoder) Poison() { d.poison = true }

// Next returns the next frame, or false if the bytes read so far hold no
// complete frame. The frame is valid until the next call of Next, Fill or
// Release. The error is a *ProtocolError, and every later call returns it
// again.
func (d *Decoder) Next() (Frame, bool, error) {
	d.reclaim()
	have := d.buf[d.start:d.end]
	if len(have) < lengthLen {
		return Frame{}, false, nil
	}
	n := binary.BigEndian.Uint32(have)
	if err := d.check(n); err != nil {
		return Frame{}, false, err
	}
	size := lengthLen + int(n)
	if len(have) < size {
		return Frame{}, false, nil
	}
	d.start += size
	data := have[HeaderLen:size:size]
	if d.poison {
		d.lent = data
	}
	return Frame{Code: have[lengthLen], Data: data}, true, nil
}

// Buffered returns the number of bytes that were read and that Next has not
// returned.
func (d *Decoder) Buffered() int { return d.end - d.start }

// Pending reports whether Next would return a frame or an error without another
// Fill. Pending does not invalidate the last frame.
func (d *Decoder) Pending() bool {
	have := d.buf[d.start:d.end]
	if len(have) < lengthLen {
		return false
	}
	n := binary.BigEndian.Uint32(have)
	return d.check(n) != nil || len(have)-lengthLen >= int(n)
}

// Fill calls r.Read once and returns its result. It takes a larger buffer only
// if the bytes received fill the current one, so that a peer that announces a
// large frame and sends little of it costs little memory.
//
// The caller must call Next until it returns no more frames before it calls
// Fill again. Otherwise Fill returns io.ErrShortBuffer once the buffer is full.
func (d *Decoder) Fill(r io.Reader) (int, error) {
	d.reclaim()
	d.makeRoom()
	if d.end == len(d.buf) {
		return 0, io.ErrShortBuffer
	}
	n, err := r.Read(d.buf[d.end:])
	d.end += n
	if n == 0 && err == nil {
		err = io.ErrNoProgress
	}
	return n, err
}

// Release returns memory to the pool: the whole buffer if it holds no bytes, or
// a large buffer if a small one can hold the remaining bytes.
func (d *Decoder) Release() {
	d.reclaim()
	waiting := d.end - d.start
	switch {
	case waiting == 0:
		d.pool.put(d.buf)
		d.buf, d.start, d.end = nil, 0, 0
	case len(d.buf) > smallBuffer && waiting < smallBuffer:
		d.move(d.pool.get(smallBuffer))
	}
}

// Rest returns a copy of the bytes that were read and that Next has not
// returned. A second decoder can continue from them. Rest does not invalidate
// the last frame.
func (d *Decoder) Rest() []byte { return append([]byte(nil), d.buf[d.start:d.end]...) }

func (d *Decoder) check(n uint32) error {
	if n == 0 {
		return violation("frame", "length is zero")
	}
	if uint64(n) > uint64(d.limit) { //nolint:gosec // the limit is positive
		return violation("frame", "length "+strconv.FormatUint(uint64(n), 10)+
			" exceeds the limit of "+strconv.Itoa(d.limit))
	}
	return nil
}

func (d *Decoder) makeRoom() {
	switch {
	case d.buf == nil:
		d.buf = d.pool.get(smallBuffer)
	case d.start == d.end:
		d.start, d.end = 0, 0
	case d.end < len(d.buf) && d.start+d.wanted() <= len(d.buf):
	case d.start > 0:
		d.end = copy(d.buf, d.buf[d.start:d.end])
		d.start = 0
	}
	if d.end == len(d.buf) && !d.Pending() {
		d.move(d.pool.get(min(d.wanted(), maxGrowth*len(d.buf))))
	}
}

// maxGrowth limits the size of a new buffer to this multiple of the current
// one, which is then full. It allows one step from a small buffer to a large
// one, and one step from there to a huge one.
const maxGrowth = 16

// wanted returns the size of the incomplete frame if it is known, and otherwise
// the size of a frame's header.
func (d *Decoder) wanted() int {
	have := d.buf[d.start:d.end]
	if len(have) < lengthLen {
		return HeaderLen
	}
	return lengthLen + min(int(binary.BigEndian.Uint32(have)), d.limit)
}

func (d *Decoder) move(buf []byte) {
	d.end = copy(buf, d.buf[d.start:d.end])
	d.start = 0
	d.pool.put(d.buf)
	d.buf = buf
}

func (d *Decoder) reclaim() {
	Poison(d.lent)
	d.lent = nil
}

// Poison overwrites bytes that the caller may no longer use, so that a test can
// detect code that retained them.
func Poison(lent []byte) {
	for i := range lent {
		lent[i] = poisonByte
	}
}

// poisonByte is the value that Poison writes.
const poisonByte = 0xDB
