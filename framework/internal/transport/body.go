package transport

import (
	"io"
	"slices"

	"github.com/sluicemail/sluice/wire"
)

// ReplaceBody collects a new body behind what was collected, without copying it: the
// bytes must not change until the next Flush. An empty body is one empty chunk.
func (c *Conn) ReplaceBody(body []byte) {
	frames := max(1, (len(body)+wire.MaxBodyChunk-1)/wire.MaxBodyChunk)
	c.out = slices.Grow(c.out, frames*wire.HeaderLen) // so that the pieces in vec stay where they are
	from := c.gathered
	for range frames {
		chunk := body[:min(len(body), wire.MaxBodyChunk)]
		body = body[len(chunk):]
		c.out = wire.AppendBodyFrame(c.out, len(chunk))
		c.vec = append(c.vec, c.out[from:len(c.out):len(c.out)], chunk)
		from = len(c.out)
	}
	c.gathered = from
}

// StreamBody sends the data of r as a new body, chunk by chunk. The first error is
// an error of r, and the second an error of the connection. The body ends where r
// returns io.EOF itself: an error that wraps io.EOF, and io.ErrUnexpectedEOF, mean
// that r has failed.
func (c *Conn) StreamBody(r io.Reader) (readErr, writeErr error) {
	piece := make([]byte, wire.MaxBodyChunk)
	for first := true; ; first = false {
		n, err := fillChunk(r, piece)
		if n > 0 || first && err == io.EOF { //nolint:errorlint // see above
			c.out = append(wire.AppendBodyFrame(c.out, n), piece[:n]...)
			if err := c.Flush(); err != nil {
				return nil, err
			}
		}
		switch {
		case err == io.EOF: //nolint:errorlint // see above
			return nil, nil
		case err != nil:
			return err, nil
		}
	}
}

// fillChunk reads until the chunk is full or r returns an error. It returns that error
// as it is, which io.ReadFull does not.
func fillChunk(r io.Reader, chunk []byte) (n int, err error) {
	for n < len(chunk) && err == nil {
		var more int
		more, err = r.Read(chunk[n:])
		n += more
	}
	return n, err
}
