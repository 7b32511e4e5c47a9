package deadline_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/internal/deadline"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The earlier of a filter's own limit and the message's deadline counts, beside the session too,
// and the next message has none.
func TestContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []time.Duration
		left := func(ctx context.Context, limit time.Duration) time.Duration {
			ctx, cancel := deadline.Context(ctx, limit)
			defer cancel()
			at, ok := ctx.Deadline()
			assert.True(t, ok)
			return time.Until(at)
		}
		first := true
		f := miltertest.FilterFunc("x", func(r *framework.Router) error {
			beside := framework.Async[time.Duration](r)
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				if first {
					deadline.Set(s, time.Now().Add(3*time.Second))
				}
				first = false
				got = append(got, left(s.Context(), time.Second), left(s.Context(), 8*time.Second))
				assert.NoError(t, beside.Start(s, func(ctx context.Context) (time.Duration, error) { return left(ctx, 8*time.Second), nil }))
				d, err := beside.Wait(s)
				got = append(got, d)
				return framework.Continue, err
			})
			return nil
		})
		conn := miltertest.NewServer(t, f).Dial(t)
		conn.Run(t, miltertest.Message("Subject: x\n\ny\n"))
		conn.Run(t, miltertest.Message("Subject: x\n\ny\n"))
		assert.Equal(t, []time.Duration{time.Second, 3 * time.Second, 3 * time.Second, time.Second, 8 * time.Second, 8 * time.Second}, got)
	})
}
