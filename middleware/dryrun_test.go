package middleware_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

// A handler under DryRun has no effect at any stage, and its results are
// logged. The handlers beside it are not affected.
func TestDryRun(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, on := range map[string]func(r *framework.Router){
		"OnMail rejects": func(r *framework.Router) {
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Reject, nil })
		},
		"OnMail accepts": func(r *framework.Router) {
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Accept, nil })
		},
		"OnRcpt rejects": func(r *framework.Router) {
			r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return framework.Reject, nil })
		},
		"ObserveHeader fails": func(r *framework.Router) {
			r.ObserveHeader(func(*framework.Session, *framework.Header) error { return boom })
		},
		"OnBody skips": func(r *framework.Router) {
			r.OnBody(func(*framework.Session, *framework.Body) (framework.Verdict, error) { return framework.SkipBody, nil })
		},
		"OnEndOfMessage discards": func(r *framework.Router) {
			r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Discard, nil
			})
		},
		"OnEndOfMessage modifies and fails": func(r *framework.Router) {
			add := r.GrantAddHeader()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, errors.Join(add.Append(s, "X-Trial", "yes"), boom)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			add := r.GrantAddHeader()
			on(r.With(middleware.DryRun(), middleware.NormalizeHeaders(middleware.NormalizeConfig{})))
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, add.Append(s, "X-Real", "yes")
			})
			res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n"))
			res.AssertAccepted(t)
			assert.Empty(t, res.HeaderValues("X-Trial"))
			assert.Equal(t, "yes", res.Header("X-Real"))
			_, ok := res.Logs.Find("dry run: verdict")
			assert.True(t, ok, "%v", res.Logs)
		})
	}
}

func BenchmarkDryRun(b *testing.B) { perEvent(b, middleware.DryRun()) }
