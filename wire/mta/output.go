package mta

import (
	"context"

	"github.com/sluicemail/sluice/wire"
)

// flushThreshold is the number of queued bytes at which they are written even
// if no reply is due.
const flushThreshold = 16 << 10

// queue appends a command to the output buffer.
func (c *Conn) queue(cmd wire.Command) error {
	if c.err != nil {
		return c.err
	}
	out, err := cmd.Encode(c.out)
	if err != nil {
		return err // nothing was sent, so the connection is still usable
	}
	c.out = out
	return nil
}

// flushIfLarge writes the output buffer once it has reached flushThreshold.
func (c *Conn) flushIfLarge(ctx context.Context) error {
	if len(c.out) < flushThreshold {
		return nil
	}
	return c.Flush(ctx)
}

// Flush writes the buffered commands: macros, and events to which no reply is
// due. An event to which a reply is due flushes the buffer by itself.
func (c *Conn) Flush(ctx context.Context) error {
	if c.err != nil {
		return c.err
	}
	stop, err := c.startDeadline(ctx, c.cfg.CommandTimeout)
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

// Raw writes the buffered commands and then p, unchanged. It is for tests of a
// filter's reaction to p.
func (c *Conn) Raw(ctx context.Context, p []byte) error {
	c.out = append(c.out, p...)
	return c.Flush(ctx)
}

// Frame queues a frame with the given code and data. It does not wait for a
// reply: see [Conn.ReadReply].
func (c *Conn) Frame(code byte, data []byte) {
	c.out = wire.AppendFrame(c.out, wire.Frame{Code: code, Data: data})
}
