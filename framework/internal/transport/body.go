package transport

import (
	"errors"
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

// StreamBody sends what r reads as a new body, chunk by chunk. The first error is
// r's, the second the connection's.
func (c *Conn) StreamBody(r io.Reader) (readErr, writeErr error) {
	piece := make([]byte, wire.MaxBodyChunk)
	for first := true; ; first = false {
		n, err := io.ReadFull(r, piece)
		if n > 0 || first && errors.Is(err, io.EOF) {
			c.out = append(wire.AppendBodyFrame(c.out, n), piece[:n]...)
			if err := c.Flush(); err != nil {
				return nil, err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, nil
		case err != nil:
			return err, nil
		}
	}
}
