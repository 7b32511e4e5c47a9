package framework_test

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// Stats tells the failures that refused mail from those that let it pass.
func TestFailedOpen(t *testing.T) {
	t.Parallel()
	failing := func(opts ...framework.LaneOption) func(*framework.Router) {
		return func(r *framework.Router) {
			r.Mount(miltertest.FilterFunc("fails", func(r *framework.Router) error {
				r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
					return framework.Continue, errors.New("boom")
				})
				return nil
			}), opts...)
		}
	}
	hanging := func(opts ...framework.LaneOption) func(*framework.Router) {
		return func(r *framework.Router) {
			r.Mount(miltertest.FilterFunc("hangs", func(r *framework.Router) error {
				r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
					time.Sleep(time.Hour)
					return framework.Continue, nil
				})
				return nil
			}), opts...)
		}
	}
	counting := func(rt *framework.Route, next framework.Handler) framework.Handler {
		count := rt.FailureCounter()
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			count(s)
			return next(s, ev)
		}
	}
	for name, c := range map[string]struct {
		register     func(*framework.Router)
		failed, open uint64
	}{
		"closed":            {failing(), 1, 0},
		"open":              {failing(framework.FailOpen()), 1, 1},
		"dry run":           {failing(framework.DryRun()), 1, 1},
		"hangs, closed":     {hanging(), 1, 0},
		"hangs, open":       {hanging(framework.FailOpen()), 1, 1},
		"hangs, on dry run": {hanging(framework.DryRun()), 1, 1},
		"at Close": {func(r *framework.Router) {
			r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
			r.ObserveClose(func(*framework.Session, *framework.Close) error { return errors.New("boom") })
		}, 1, 1},
		"in middleware": {func(r *framework.Router) {
			r.Use(counting)
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })
		}, 1, 1},
		"in middleware, and the handler": {func(r *framework.Router) {
			r.Use(counting)
			failing()(r)
		}, 2, 1},
		"in a dry run by middleware": {func(r *framework.Router) {
			r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
				rt.DryRun()
				return next
			})
			failing()(r)
		}, 1, 1},
		"nothing": {func(r *framework.Router) {
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Reject, nil })
		}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				c.register(r)
				srv := newServer(t, r, quiet())
				client, server := net.Pipe()
				done := make(chan struct{})
				go func() {
					defer close(done)
					srv.ServeConn(server)
				}()
				conn := mta.NewConn(client, mta.Config{})
				require.NoError(t, conn.Negotiate(t.Context()))
				_, err := conn.Mail(t.Context(), "<a@example.org>")
				require.NoError(t, err)
				_ = conn.Quit(t.Context())
				<-done
				assert.Equal(t, c.failed, srv.Stats().HandlerErrors)
				assert.Equal(t, c.open, srv.Stats().FailedOpen)
			})
		})
	}
}
