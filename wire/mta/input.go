package mta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// next returns the next reply of the filter, within d. What it returns may be
// kept but for a body chunk.
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
	stop, err := c.arm(ctx, d)
	if err != nil {
		return wire.Frame{}, err
	}
	f, err := c.read()
	return f, stop(explain(code, err))
}

// read returns the next frame once all of it has come.
func (c *Conn) read() (wire.Frame, error) {
	if err := c.flush(); err != nil {
		return wire.Frame{}, err
	}
	for {
		f, ok, err := c.dec.Next()
		if ok || err != nil {
			return f, err
		}
		// A read may bring nothing: net.Pipe's does when the peer writes
		// nothing. The deadline holds all the same.
		if n, err := c.dec.Fill(c.conn); n == 0 && !errors.Is(err, io.ErrNoProgress) {
			return wire.Frame{}, err
		}
	}
}

// explain says which reply is missing.
func explain(code wire.CommandCode, err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("mta: the filter hung up instead of answering %v: %w", code, io.ErrUnexpectedEOF)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("mta: no answer to %v in time: %w", code, err)
	}
	return err
}

// ReadReply returns the next reply as it comes, whatever was sent and whether
// or not a reply is due, after writing what waits in the buffer. It is for
// tests that use [Conn.Raw] or [Conn.Frame]. The reply may be kept, but the
// chunk of a [wire.ReplaceBody] only until the next call.
func (c *Conn) ReadReply(ctx context.Context) (wire.Reply, error) {
	return c.next(ctx, wire.CmdMacro, c.cfg.CommandTimeout)
}

// Silent waits for the given time and reports a reply that was not due as a
// *[wire.ProtocolError]: one to an event for which the filter had negotiated
// that it does not answer. That the filter hangs up is no error here.
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
		return c.stray()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) {
		return nil
	}
	return c.fail(err)
}

// stray reports bytes that came when no reply was due.
func (c *Conn) stray() error {
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
