package middleware_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

// The middleware of the shelf treats a handler of BeforeEndOfMessage as one of the end of
// the message: conditions and dry runs hold for it, and its time is limited.
func TestBeforeEndOfMessage(t *testing.T) {
	t.Parallel()
	fails := func(*framework.Session) error { return errors.New("boom") }
	waits := func(s *framework.Session) error {
		<-s.Context().Done()
		return context.Cause(s.Context())
	}
	for name, c := range map[string]struct {
		mws    []framework.Middleware
		before func(*framework.Session) error
		called bool
		reply  string
		took   time.Duration
	}{
		"alone":            {nil, fails, true, "451 4.3.0 mail filter failed, try again later", 0},
		"condition":        {[]framework.Middleware{middleware.When(middleware.SenderIn("example.org"))}, fails, true, "451 4.3.0 mail filter failed, try again later", 0},
		"no condition":     {[]framework.Middleware{middleware.When(middleware.SenderIn("example.com"))}, fails, false, "", 0},
		"dry run":          {[]framework.Middleware{middleware.DryRun()}, fails, true, "", 0},
		"recovered":        {[]framework.Middleware{middleware.Recover()}, func(*framework.Session) error { panic("boom") }, true, "451 4.3.0 mail filter failed, try again later", 0},
		"limited in time":  {[]framework.Middleware{middleware.Timeout(middleware.TimeoutConfig{Event: 2 * time.Second})}, waits, true, "451 4.3.0 mail filter failed, try again later", 2 * time.Second},
		"logged, unharmed": {[]framework.Middleware{middleware.Logger(middleware.LoggerConfig{})}, func(*framework.Session) error { return nil }, true, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				called := false
				r := framework.NewRouter()
				r.Use(c.mws...)
				r.BeforeEndOfMessage(func(s *framework.Session) error {
					called = true
					return c.before(s)
				})
				began := time.Now()
				res := miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nc\n", miltertest.From("ann@example.org")))
				assert.Equal(t, c.reply, res.Reply())
				assert.Equal(t, c.called, called)
				assert.InDelta(t, c.took, time.Since(began), float64(time.Second))
			})
		})
	}
}
