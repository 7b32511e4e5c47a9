package framework_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A value that is used by mistake is an error of the filter that uses it, and never a
// value of another message.
func TestAsyncMisuse(t *testing.T) {
	t.Parallel()
	foreign := framework.Async[int](framework.NewRouter())
	fn := takes(time.Second, 1)
	tests := []struct {
		name string
		use  func(own framework.AsyncValue[int], s *framework.Session) error
		says string
	}{
		{"Start of the zero value", func(_ framework.AsyncValue[int], s *framework.Session) error {
			return framework.AsyncValue[int]{}.Start(s, fn)
		}, "a value of Async is used that this session's router did not make"},
		{"Wait of another router's", func(_ framework.AsyncValue[int], s *framework.Session) error {
			_, err := foreign.Wait(s)
			return err
		}, "a value of Async is used that this session's router did not make"},
		{"Ready of another router's", func(_ framework.AsyncValue[int], s *framework.Session) error {
			foreign.Ready(s)
			return nil
		}, "a value of Async is used that this session's router did not make"},
		{"Wait without Start", func(own framework.AsyncValue[int], s *framework.Session) error {
			_, err := own.Wait(s)
			return err
		}, "AsyncValue.Wait without Start in this message or session"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			own := framework.Async[int](r)
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				return framework.Continue, tt.use(own, s)
			})
			res := miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n"))
			res.AssertTempFailed(t)
			line, ok := res.Logs.Find("handler failed")
			require.True(t, ok)
			failure, _ := miltertest.LogAttr(line, "error")
			assert.Contains(t, failure.String(), tt.says)
		})
	}
}

// Another goroutine that the handler waits for may use the value, as it may use the
// session. After the handler, a retained session starts nothing.
func TestAsyncOfARetainedSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var kept *framework.Session
		r := framework.NewRouter()
		message, session := framework.Async[int](r), framework.AsyncPerConnection[int](r)
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			kept = s
			var err error
			done := make(chan struct{})
			go func() {
				defer close(done)
				if err = message.Start(s, takes(time.Second, 7)); err == nil {
					_, err = message.Wait(s)
				}
			}()
			<-done
			return framework.Continue, err
		})
		srv := miltertest.NewRouterServer(t, r)
		conn := srv.Dial(t)
		resp, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		assert.Equal(t, "SMFIR_CONTINUE", resp.Code.String())
		synctest.Wait() // nothing uses the session now
		assert.ErrorIs(t, message.Start(kept, takes(time.Second, 1)), framework.ErrNoMessage)
		assert.ErrorIs(t, session.Start(kept, takes(time.Second, 1)), framework.ErrNoMessage)
		require.NoError(t, conn.Close())
		synctest.Wait()
		assert.ErrorIs(t, message.Start(kept, takes(time.Second, 1)), framework.ErrNoMessage)
		_, err = message.Wait(kept)
		assert.ErrorContains(t, err, "without Start")
		assert.EqualValues(t, 1, srv.Stats().AsyncTotal)
	})
}

// At Close, the session is over for its functions, too.
func TestAsyncAtClose(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	value := framework.AsyncPerConnection[int](r)
	var errs []error
	r.ObserveAbort(func(s *framework.Session, _ *framework.Abort) error {
		errs = append(errs, value.Start(s, takes(time.Hour, 1)))
		return nil
	})
	r.ObserveClose(func(s *framework.Session, _ *framework.Close) error {
		errs = append(errs, value.Start(s, takes(time.Hour, 1)))
		return nil
	})
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	_, err := conn.Header(t.Context(), "A", " b")
	require.NoError(t, err)
	require.NoError(t, conn.Macros('M', nil))
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)
	require.NotEmpty(t, errs)
	assert.ErrorIs(t, errs[len(errs)-1], framework.ErrSessionOver)
}

// A hook sees each function that a filter of the router starts, and how it ends.
func TestAroundAsync(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type call struct {
			filter, where string
			took          time.Duration
			err           error
		}
		calls := make(chan call, 10)
		hook := func(name string) framework.Middleware {
			once := framework.OncePerRouter(func(rt *framework.Route) bool {
				rt.AroundAsync(func(ctx context.Context, filter, where string, run func(context.Context) error) error {
					began := time.Now()
					order, _ := ctx.Value(asyncKey("order")).(string)
					err := run(context.WithValue(ctx, asyncKey("order"), order+name))
					calls <- call{filter, where, time.Since(began), err}
					return err
				})
				return true
			})
			return func(rt *framework.Route, next framework.Handler) framework.Handler {
				once(rt)
				return next
			}
		}
		r := framework.NewRouter()
		r.Use(hook("outer"), hook("inner"))
		var where string
		for name, fn := range map[string]func(context.Context) (string, error){
			"panics": func(context.Context) (string, error) { panic("a bug") },
			"good": func(ctx context.Context) (string, error) {
				time.Sleep(2 * time.Second)
				return ctx.Value(asyncKey("order")).(string), nil
			},
		} {
			r.Mount(miltertest.FilterFunc(name, func(r *framework.Router) error {
				value := framework.Async[string](r)
				if name == "good" {
					where = lineAbove(lineAbove(here()))
				}
				r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return value.Start(s, fn) })
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					got, err := value.Wait(s)
					if name == "good" {
						assert.Equal(t, "outerinner", got)
					}
					return framework.Continue, err
				})
				return nil
			}), framework.FailOpen())
		}
		miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n")).AssertAccepted(t)
		require.Len(t, calls, 4)
		close(calls)
		for c := range calls {
			switch c.filter {
			case "good":
				assert.Equal(t, call{"good", where, 2 * time.Second, nil}, c)
			default:
				assert.Equal(t, "panics", c.filter)
				assert.ErrorAs(t, c.err, new(*framework.PanicError))
				assert.True(t, strings.HasPrefix(c.where, "framework/asyncmisuse_test.go:"))
			}
		}
	})
}

// A hook that panics, or that hides the error, decides what Wait returns.
func TestAroundAsyncDecides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hook func(run func() error) error
		fn   error
		want string
	}{
		"it panics":       {func(func() error) error { panic("a bug") }, nil, "panic: a bug"},
		"it adds to it":   {func(run func() error) error { return errors.Join(errLookup, run()) }, nil, errLookup.Error()},
		"it passes it on": {func(run func() error) error { return run() }, errLookup, errLookup.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter(framework.FailOpen())
			r.Use(asking(func(rt *framework.Route) {
				rt.AroundAsync(func(ctx context.Context, _, _ string, run func(context.Context) error) error {
					return c.hook(func() error { return run(ctx) })
				})
			}))
			value := framework.Async[int](r)
			var got error
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				require.NoError(t, value.Start(s, func(context.Context) (int, error) { return 1, c.fn }))
				_, got = value.Wait(s)
				return framework.Continue, nil
			})
			miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n")).AssertAccepted(t)
			assert.EqualError(t, got, c.want)
		})
	}
}

func TestAroundAsyncWithoutAFunction(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(asking(func(rt *framework.Route) { rt.AroundAsync(nil) }))
	r.OnMail(goesOn)
	_, err := r.Plan()
	assert.ErrorContains(t, err, "AroundAsync without a function")
}

// Start and Wait allocate a bounded number of times, and Wait nothing if the value is there.
// Whether Wait has to wait, and then makes a context, depends on the scheduler.
//
//nolint:paralleltest // memory is counted for the whole process
func TestAllocsOfAsync(t *testing.T) {
	for _, waits := range []int{1, 100} {
		r := framework.NewRouter()
		value := framework.Async[int](r)
		fn := func(context.Context) (int, error) { return 1, nil }
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return value.Start(s, fn) })
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			for range waits {
				if _, err := value.Wait(s); err != nil {
					return framework.Continue, err
				}
			}
			return framework.Continue, nil
		})
		loop := newLoop(t, r, everything(5, 100))
		got := testing.AllocsPerRun(100, loop.message)
		assert.LessOrEqual(t, got, 24.0, "Start, and Wait %d times", waits)
	}
}
