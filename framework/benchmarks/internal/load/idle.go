package load

import (
	"context"
	"errors"
)

// Idle opens n connections and sends the given number of messages on each. It
// then calls during while the connections are idle, and closes them.
func Idle(ctx context.Context, o Options, n, messages int, during func() error) (err error) {
	o.Duration += replyTimeout
	r := newRun(o)
	var open []*session
	defer func() {
		for _, s := range open {
			err = errors.Join(err, s.conn.Close())
		}
	}()
	for range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := r.open()
		if err != nil {
			return err
		}
		open = append(open, s)
		for range messages {
			if err := s.message(); err != nil {
				return err
			}
		}
	}
	return during()
}
