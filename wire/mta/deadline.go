package mta

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// startDeadline sets the connection's deadline to d from now, or to the end of
// the context if that is sooner. The caller passes the error of its I/O to the
// returned function, which ends the use of the context and returns the error
// that applies.
func (c *Conn) startDeadline(ctx context.Context, d time.Duration) (func(error) error, error) {
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
		case soon && errors.Is(err, os.ErrDeadlineExceeded): // the context's own timer has yet to fire
			return c.fail(fmt.Errorf("mta: %w", context.DeadlineExceeded))
		}
		return c.fail(err)
	}, nil
}
