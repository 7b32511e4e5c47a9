package framework

import (
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// gatherBody puts a new body behind what was gathered, without a copy: only the
// heads of its frames are made. An empty body is one empty chunk.
func (l *link) gatherBody(body []byte) {
	frames := max(1, (len(body)+wire.MaxBodyChunk-1)/wire.MaxBodyChunk)
	l.out = slices.Grow(l.out, frames*wire.HeaderLen) // so that the pieces below stay in place
	from := l.gathered
	for range frames {
		chunk := body[:min(len(body), wire.MaxBodyChunk)]
		body = body[len(chunk):]
		l.out = wire.AppendBodyFrame(l.out, len(chunk))
		l.vec = append(l.vec, l.out[from:len(l.out):len(l.out)], chunk)
		from = len(l.out)
	}
	l.gathered = from
}

// streamBody writes what r reads as a new body, piece by piece. The first error
// is r's, the second the connection's.
func (l *link) streamBody(r io.Reader) (failed, err error) {
	piece := make([]byte, wire.MaxBodyChunk)
	for first := true; ; first = false {
		n, err := io.ReadFull(r, piece)
		if n > 0 || first && errors.Is(err, io.EOF) {
			l.out = append(wire.AppendBodyFrame(l.out, n), piece[:n]...)
			if werr := l.flush(); werr != nil {
				return nil, werr
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

// flush sends what was gathered, in one write. After a write that failed, the
// MTA may have got a part of it, and nothing more can be said.
func (l *link) flush() error {
	if len(l.out) == 0 || l.broken != nil || l.abandoned {
		return l.broken
	}
	if l.sock != nil && len(l.vec) == 0 {
		l.broken = l.sock.write(l.out)
	} else {
		l.broken = l.writeAll()
	}
	l.forget()
	return l.broken
}

// writeAll writes pieces that lie apart, by one system call where there is one
// for that.
func (l *link) writeAll() (err error) {
	_ = l.conn.SetWriteDeadline(time.Now().Add(l.cfg.WriteTimeout))
	if len(l.vec) == 0 {
		_, err = l.conn.Write(l.out)
	} else {
		pieces := net.Buffers(append(l.vec, l.out[l.gathered:]))
		_, err = pieces.WriteTo(l.conn)
	}
	_ = l.conn.SetWriteDeadline(time.Time{})
	if l.sock != nil {
		l.sock.sent()
	}
	return err
}

// forget empties what was gathered, and lets go of the bodies in it.
func (l *link) forget() {
	clear(l.vec)
	l.out, l.vec, l.gathered = l.out[:0], l.vec[:0], 0
}
