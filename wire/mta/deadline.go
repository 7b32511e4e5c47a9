package mta

import (
	"context"
	"fmt"
	"time"
)

// arm sets the deadline for what follows: after d, or when the context ends.
// The function that it returns takes the error of what followed, says what
// it means, and disarms.
func (c *Conn) arm(ctx context.Context, d time.Duration) (func(error) error, error) {
	deadline := time.Now().Add(d)
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	if err := c.conn.SetDeadline(deadline); err != nil {
		return nil, c.fail(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	return func(err error) error {
		ended := !stop()
		switch {
		case err == nil && !ended:
			return nil
		case ctx.Err() != nil:
			return c.fail(fmt.Errorf("mta: %w", context.Cause(ctx)))
		}
		return c.fail(err)
	}, nil
}
