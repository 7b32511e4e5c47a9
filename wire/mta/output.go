package mta

import (
	"context"

	"github.com/sluicemail/sluice/wire"
)

// pipeline is how many bytes wait for company before they are written, though
// no reply is awaited.
const pipeline = 16 << 10

// queue adds a command to what is to be written.
func (c *Conn) queue(cmd wire.Command) error {
	if c.err != nil {
		return c.err
	}
	out, err := cmd.Encode(c.out)
	if err != nil {
		return err // nothing was sent: the connection is as good as before
	}
	c.out = out
	return nil
}

// settle writes what is queued once it has grown long.
func (c *Conn) settle(ctx context.Context) error {
	if len(c.out) < pipeline {
		return nil
	}
	return c.Flush(ctx)
}

// Flush writes what waits in the buffer: macros, and events that no reply is
// awaited for. Every event that is awaited does it by itself.
func (c *Conn) Flush(ctx context.Context) error {
	if c.err != nil {
		return c.err
	}
	stop, err := c.arm(ctx, c.cfg.CommandTimeout)
	if err != nil {
		return err
	}
	return stop(c.flush())
}

func (c *Conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	return err
}

// Raw writes what waits in the buffer and then p as it is, for tests of
// what a filter makes of it.
func (c *Conn) Raw(ctx context.Context, p []byte) error {
	c.out = append(c.out, p...)
	return c.Flush(ctx)
}

// Frame queues a frame with the given code and data. No reply is awaited; see
// [Conn.ReadReply].
func (c *Conn) Frame(code byte, data []byte) {
	c.out = wire.AppendFrame(c.out, wire.Frame{Code: code, Data: data})
}
