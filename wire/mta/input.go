package mta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// next returns the filter's next reply. It waits for at most d. The reply may
// be retained, except for a body chunk.
func (c *Conn) next(ctx context.Context, code wire.CommandCode, d time.Duration) (wire.Reply, error) {
	f, err := c.nextFrame(ctx, code, d)
	if err != nil {
		return nil, err
	}
	r, err := wire.ParseReply(f)
	if err != nil {
		return nil, c.fail(err)
	}
	return r, nil
}

func (c *Conn) nextFrame(ctx context.Context, code wire.CommandCode, d time.Duration) (wire.Frame, error) {
	if c.err != nil {
		return wire.Frame{}, c.err
	}
	stop, err := c.startDeadline(ctx, d)
	if err != nil {
		return wire.Frame{}, err
	}
	f, err := c.read()
	return f, stop(addCommand(code, err))
}

// read returns the next complete frame.
func (c *Conn) read() (wire.Frame, error) {
	if err := c.flush(); err != nil {
		return wire.Frame{}, err
	}
	for {
		f, ok, err := c.dec.Next()
		if ok || err != nil {
			return f, err
		}
		// Read may return no bytes and no error, as with net.Pipe if the peer
		// writes an empty slice. The deadline still applies.
		if n, err := c.dec.Fill(c.conn); n == 0 && !errors.Is(err, io.ErrNoProgress) {
			return wire.Frame{}, err
		}
	}
}

// addCommand adds the command whose reply is missing to a read error. The kernel resets
// the connection of a filter that closes it before it has read the command.
func addCommand(code wire.CommandCode, err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("mta: filter closed the connection instead of answering %v: %w", code, io.ErrUnexpectedEOF)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("mta: no answer to %v in time: %w", code, err)
	}
	return err
}

// ReadReply writes the buffered commands and returns the next reply, whether or
// not a reply is due. It is for tests that use [Conn.Raw] or [Conn.Frame]. The
// reply may be retained. The chunk of a [wire.ReplaceBody] is valid only until
// the next call.
func (c *Conn) ReadReply(ctx context.Context) (wire.Reply, error) {
	return c.next(ctx, wire.CmdMacro, c.cfg.CommandTimeout)
}

// Silent waits for the given time and expects no reply. If a reply arrives,
// Silent returns a *[wire.ProtocolError]. It detects filters that reply to an
// event although they negotiated not to. Silent returns nil if the filter
// closes the connection.
func (c *Conn) Silent(ctx context.Context, wait time.Duration) error {
	if c.err != nil {
		return c.err
	}
	if err := c.Flush(ctx); err != nil {
		return err
	}
	if err := c.conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return c.fail(err)
	}
	_, err := c.dec.Fill(c.conn)
	if c.dec.Buffered() > 0 {
		return c.unexpectedReply()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) {
		return nil
	}
	return c.fail(err)
}

// unexpectedReply returns the error for bytes that arrived while no reply was
// due.
func (c *Conn) unexpectedReply() error {
	f, ok, err := c.dec.Next()
	if err != nil {
		return c.fail(err)
	}
	name := "frame"
	if ok {
		name = wire.ReplyCode(f.Code).String()
	}
	return c.violation(name, "a reply that was not due")
}
