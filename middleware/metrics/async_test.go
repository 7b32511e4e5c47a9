package metrics_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// Each function beside a session is measured, with the place of its Async, and its error
// is counted by kind.
func TestAsync(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fn   func(context.Context) (int, error)
		kind string
	}{
		"good":   {func(context.Context) (int, error) { return 1, nil }, ""},
		"fails":  {func(context.Context) (int, error) { return 0, errors.New("boom") }, "other"},
		"panics": {func(context.Context) (int, error) { panic("boom") }, "panic"},
		"is over": {func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}, "canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, registry := measured(t)
			line := 0
			r := framework.NewRouter()
			r.Use(m.Middleware)
			r.Mount(miltertest.FilterFunc("f", func(r *framework.Router) error {
				_, _, line, _ = runtime.Caller(0)
				values := []framework.AsyncValue[int]{framework.Async[int](r), framework.Async[int](r)}
				r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
					for _, value := range values {
						require.NoError(t, value.Start(s, c.fn))
						if name != "is over" {
							_, err := value.Wait(s)
							assert.Equal(t, c.kind != "", err != nil)
						}
					}
					return framework.Continue, nil
				})
				return nil
			}))
			srv := miltertest.NewRouterServer(t, r)
			srv.Dial(t).Run(t, miltertest.Message(text)).AssertAccepted(t)
			srv.Close(t) // waits for the functions, too
			where := "where=metrics/async_test.go:" + strconv.Itoa(line+1)
			assert.InDelta(t, 2, total(t, registry, "sluice_async_duration_seconds", "filter=f"), 0)
			assert.InDelta(t, 2, total(t, registry, "sluice_async_duration_seconds", "filter=f", where), 0, "both are on that line")
			errs := map[bool]int{true: 2, false: 0}[c.kind != ""]
			assert.InDelta(t, errs, total(t, registry, "sluice_async_errors_total"), 0)
			assert.InDelta(t, errs, total(t, registry, "sluice_async_errors_total", "filter=f", "kind="+c.kind), 0)
		})
	}
}
