package framework_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// takes returns a function that takes a while, and returns early if its context ends.
func takes[T any](d time.Duration, value T) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) {
		select {
		case <-time.After(d):
			return value, nil
		case <-ctx.Done():
			return value, ctx.Err()
		}
	}
}

// stays returns a function that takes a while, whatever happens to its context.
func stays[T any](d time.Duration, value T) func(context.Context) (T, error) {
	return func(context.Context) (T, error) {
		time.Sleep(d)
		return value, nil
	}
}

// asyncFilter starts fn at MAIL, and passes what Wait returns at the end of the message.
func asyncFilter(name string, fn func(context.Context) (int, error), got func(int, error) error) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		value := framework.Async[int](r)
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return value.Start(s, fn) })
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, got(value.Wait(s))
		})
		return nil
	})
}

// The value is worked out while the message arrives. Only the rest of the time is waited
// for, and Wait returns the same again.
func TestAsyncBesideTheSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		value := framework.Async[int](r)
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
			assert.False(t, value.Ready(s))
			err := value.Start(s, takes(3*time.Second, 7))
			assert.False(t, value.Ready(s))
			return err
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			assert.False(t, value.Ready(s))
			for range 3 {
				got, err := value.Wait(s)
				require.NoError(t, err)
				assert.Equal(t, 7, got)
				assert.True(t, value.Ready(s))
			}
			return framework.Continue, nil
		})
		srv := miltertest.NewRouterServer(t, r)
		conn := srv.Dial(t)
		_, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		require.NoError(t, conn.Flush(t.Context()))
		time.Sleep(2 * time.Second)
		began := time.Now()
		resp, _, err := conn.EndOfMessage(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, wire.RepContinue, resp.Code)
		assert.Equal(t, time.Second, time.Since(began))
		synctest.Wait()
		stats := srv.Stats()
		assert.Zero(t, stats.AsyncRunning)
		assert.Equal(t, []uint64{1, 0}, []uint64{stats.AsyncTotal, stats.AsyncRefused})
	})
}

// Three filters that take a second each take one second together, if they begin before the
// end of the message.
func TestAsyncOfSeveralLanes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		sum := 0
		for i, name := range []string{"first", "second", "third"} {
			r.Mount(miltertest.FilterFunc(name, func(r *framework.Router) error {
				value := framework.Async[int](r)
				r.BeforeEndOfMessage(func(s *framework.Session) error { return value.Start(s, takes(time.Second, 1<<i)) })
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					n, err := value.Wait(s)
					sum += n
					return framework.Continue, err
				})
				return nil
			}))
		}
		began := time.Now()
		miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n")).AssertAccepted(t)
		assert.Equal(t, time.Second, time.Since(began))
		assert.Equal(t, 7, sum)
	})
}

// While a handler waits, the MTA receives progress replies as for any slow handler.
func TestAsyncProgress(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]wire.CommandCode{"at MAIL": wire.CmdMail, "at the end": wire.CmdBodyEOB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				value := framework.Async[int](r)
				wait := func(s *framework.Session) (framework.Verdict, error) {
					if err := value.Start(s, takes(20*time.Second, 1)); err != nil {
						return framework.Continue, err
					}
					_, err := value.Wait(s)
					return framework.Continue, err
				}
				if at == wire.CmdMail {
					r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) { return wait(s) })
				} else {
					r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) { return wait(s) })
				}
				conn := miltertest.NewRouterServer(t, r, miltertest.Configure(production)).Dial(t)
				require.NoError(t, conn.Macros(wire.CmdConnect, []mta.Macro{{Name: "v", Value: "Postfix 3.7.11"}}))
				if at == wire.CmdMail {
					conn.Frame(byte(wire.CmdMail), []byte("<a@example.org>\x00"))
				} else {
					conn.Frame(byte(wire.CmdBodyEOB), nil)
				}
				n, last := progressReports(t, conn)
				assert.Equal(t, 3, n)
				assert.Equal(t, wire.RepContinue, last.ReplyCode())
			})
		})
	}
}

// A function that is started again replaces the one before, whose context ends.
func TestAsyncStartedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		r := framework.NewRouter()
		value := framework.AsyncPerConnection[int](r)
		n := 0
		r.ObserveHelo(func(s *framework.Session, _ *framework.Helo) error {
			n++
			if n == 2 {
				return value.Start(s, takes(time.Second, n))
			}
			return value.Start(s, func(ctx context.Context) (int, error) {
				<-ctx.Done()
				ended <- context.Cause(ctx)
				return 1, nil
			})
		})
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			got, err := value.Wait(s)
			assert.Equal(t, 2, got)
			return framework.Continue, err
		})
		conn := miltertest.NewRouterServer(t, r).Dial(t)
		for range 2 {
			_, err := conn.Helo(t.Context(), "client")
			require.NoError(t, err)
		}
		resp, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		assert.Equal(t, wire.RepContinue, resp.Code)
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

// If the second function cannot start, the value of the first is not passed off as its.
func TestAsyncNotStartedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		r := framework.NewRouter()
		value := framework.Async[int](r)
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			for range 2 {
				errs = append(errs, value.Start(s, takes(time.Second, 1)))
			}
			assert.False(t, value.Ready(s))
			_, err := value.Wait(s)
			errs = append(errs, err)
			return framework.Continue, nil
		})
		miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n"),
			miltertest.Configure(func(cfg *framework.Config) { cfg.MaxAsync = 1 })).AssertAccepted(t)
		require.Len(t, errs, 3)
		require.NoError(t, errs[0])
		assert.ErrorIs(t, errs[1], framework.ErrTooManyAsync)
		assert.ErrorContains(t, errs[2], "without Start")
	})
}

// A server runs no more functions than Config.MaxAsync. A function counts until it
// returns, whatever has become of its message.
func TestAsyncLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		filter := asyncFilter("f", stays(time.Minute, 1), func(int, error) error { return nil })
		srv := miltertest.NewServer(t, filter, miltertest.AllowGoroutines(),
			miltertest.Configure(func(cfg *framework.Config) { cfg.MaxAsync = 3 }))
		conn := srv.Dial(t)
		for range 3 {
			_, err := conn.Mail(t.Context(), "<a@example.org>")
			require.NoError(t, err)
			require.NoError(t, conn.Abort())
		}
		res := conn.Run(t, miltertest.Message("A: b\n\nc\n"))
		res.AssertTempFailed(t)
		line, ok := res.Logs.Find("handler failed")
		require.True(t, ok)
		failure, _ := miltertest.LogAttr(line, "error")
		err, _ := failure.Any().(error)
		assert.ErrorIs(t, err, framework.ErrTooManyAsync)
		stats := srv.Stats()
		assert.EqualValues(t, 3, stats.AsyncRunning)
		assert.Equal(t, []uint64{3, 1}, []uint64{stats.AsyncTotal, stats.AsyncRefused})

		time.Sleep(time.Minute + time.Second)
		assert.Zero(t, srv.Stats().AsyncRunning)
		conn.Run(t, miltertest.Message("A: b\n\nc\n")).AssertAccepted(t)
		time.Sleep(time.Minute)
	})
}

type asyncKey string

// The context has the values of the handler's context, but not its end.
func TestAsyncContextValues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		r.Use(func(_ *framework.Route, next framework.Handler) framework.Handler {
			return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
				ctx, cancel := context.WithCancel(context.WithValue(s.Context(), asyncKey("wrapped"), "w"))
				defer cancel()
				return s.CallWithContext(ctx, next, ev)
			}
		})
		value := framework.Async[string](r)
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
			s.SetContextValue(asyncKey("set"), "s")
			return value.Start(s, func(ctx context.Context) (string, error) {
				time.Sleep(time.Second)
				inner, cancel := context.WithTimeout(ctx, time.Minute)
				defer cancel()
				_, bounded := ctx.Deadline()
				assert.True(t, bounded)
				wrapped, _ := inner.Value(asyncKey("wrapped")).(string)
				set, _ := inner.Value(asyncKey("set")).(string)
				return wrapped + set, inner.Err()
			})
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			got, err := value.Wait(s)
			assert.Equal(t, "ws", got)
			return framework.Continue, err
		})
		miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n")).AssertAccepted(t)
	})
}

// A handler's own deadline does not end the functions of other filters.
func TestAsyncAfterAnothersDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		r.Mount(asyncFilter("patient", takes(7*time.Second, 5), func(n int, err error) error {
			assert.Equal(t, 5, n)
			return err
		}))
		r.Mount(miltertest.FilterFunc("late", func(r *framework.Router) error {
			r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) {
				<-s.Context().Done()
				return framework.Continue, s.Context().Err()
			})
			return nil
		}), framework.FailOpen())
		miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n")).AssertAccepted(t)
	})
}
