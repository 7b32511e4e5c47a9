package wire

import (
	"encoding/binary"
	"io"
	"strconv"
)

// Decoder turns a stream of bytes into frames. It does no reading of its own
// accord: [Decoder.Next] hands out the frames that are complete, and
// [Decoder.Fill] asks for more bytes with one Read. So the caller knows when a
// read would block, and one Read can bring many frames.
//
// A Decoder holds no buffer until the first Fill and none after a Release that
// found it empty. It is not safe for concurrent use.
type Decoder struct {
	pool   *BufferPool
	buf    []byte
	start  int // of the first byte not handed out
	end    int // of the bytes read
	limit  int
	lent   []byte
	poison bool
}

// NewDecoder returns a decoder that takes its buffers from pool and refuses
// frames that announce more than limit bytes, the code included. The limit is
// positive.
func NewDecoder(pool *BufferPool, limit int) *Decoder {
	return &Decoder{pool: pool, limit: limit}
}

// SetLimit changes the limit for the frames not yet handed out, as SMFIP_MDS
// bits do.
func (d *Decoder) SetLimit(limit int) { d.limit = limit }

// Poison makes the decoder overwrite a frame's data as soon as it is no longer
// lent, so that a test sees who kept it.
func (d *Decoder) Poison() { d.poison = true }

// Next returns the next frame, or false when what was read so far holds no
// complete one. The frame is valid until the next call of Next, Fill or
// Release. The error is a *ProtocolError; it comes back at every later call.
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

// Buffered returns the number of bytes that were read and not handed out.
func (d *Decoder) Buffered() int { return d.end - d.start }

// Pending reports whether Next has a frame, or an error, to hand out without
// another Fill. It leaves a lent frame valid.
func (d *Decoder) Pending() bool {
	have := d.buf[d.start:d.end]
	if len(have) < lengthLen {
		return false
	}
	n := binary.BigEndian.Uint32(have)
	return d.check(n) != nil || len(have)-lengthLen >= int(n)
}

// Fill reads once from r and returns what that read returned. A larger buffer
// is taken only when the bytes that already came fill the one at hand, so that
// a peer that announces much and sends little costs little.
//
// Next is to be called until it has no more before the next Fill. A caller who
// does not gets io.ErrShortBuffer once the buffer is full.
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

// Release gives back what the decoder does not need at this moment: the whole
// buffer when nothing is waiting in it, a large one when a small one will do.
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

// Rest returns a copy of the bytes that were read and not handed out. It does
// not touch a lent frame, so that a second decoder can go on where this one
// stands while the frame is still in use.
func (d *Decoder) Rest() []byte { return append([]byte(nil), d.buf[d.start:d.end]...) }

func (d *Decoder) check(n uint32) error {
	if n == 0 {
		return violation("frame", "a length of zero")
	}
	if uint64(n) > uint64(d.limit) { //nolint:gosec // the limit is positive
		return violation("frame", "a length of "+strconv.FormatUint(uint64(n), 10)+
			" where "+strconv.Itoa(d.limit)+" is the most")
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

// maxGrowth is how many times the bytes that came a new buffer may be: enough
// to go from a small buffer to a large one, and from there to a huge one, in
// one step each.
const maxGrowth = 16

// wanted returns the size of the frame that is incomplete, as far as it is
// known.
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

// Poison overwrites bytes that were lent, so that a test sees who kept them.
func Poison(lent []byte) {
	for i := range lent {
		lent[i] = poisonByte
	}
}

// poisonByte is what a test finds in bytes that it kept too long.
const poisonByte = 0xDB
