package mta

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// arm sets the deadline for what follows: after d, or when the context ends.
// The function that it returns takes the error of what followed, says what
// it means, and disarms.
func (c *Conn) arm(ctx context.Context, d time.Duration) (func(error) error, error) {
	deadline := time.Now().Add(d)
	end, soon := ctx.Deadline()
	if soon = soon && end.Before(deadline); soon {
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
		case soon && errors.Is(err, os.ErrDeadlineExceeded): // an instant before the context's own timer
			return c.fail(fmt.Errorf("mta: %w", context.DeadlineExceeded))
		}
		return c.fail(err)
	}, nil
}
