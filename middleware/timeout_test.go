package middleware_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

// untilDone waits for the end of the context, and records the time until then.
func untilDone(s *framework.Session, took *time.Duration) error {
	begin := time.Now()
	<-s.Context().Done()
	*took = time.Since(begin)
	return context.Cause(s.Context())
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg           middleware.TimeoutConfig
		atMail, atEnd time.Duration
	}{
		"of an event":         {middleware.TimeoutConfig{Event: 2 * time.Second}, 2 * time.Second, 2 * time.Second},
		"of another stage":    {middleware.TimeoutConfig{Event: 2 * time.Second, Stages: map[framework.Stage]time.Duration{framework.StageEndOfMessage: 9 * time.Second}}, 2 * time.Second, 9 * time.Second},
		"of a stage, no more": {middleware.TimeoutConfig{Event: 2 * time.Second, Stages: map[framework.Stage]time.Duration{framework.StageEndOfMessage: 0}}, 2 * time.Second, 20 * time.Second},
		"of the message":      {middleware.TimeoutConfig{Message: 3 * time.Second}, 3 * time.Second, 3 * time.Second},
		"the server's":        {middleware.TimeoutConfig{Event: time.Hour}, 12 * time.Second, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, answers := range []bool{true, false} {
				assert.InDelta(t, c.atMail, hangingAtMail(t, c.cfg, answers), float64(2*time.Second))
			}
			assert.InDelta(t, c.atEnd, hangingAtEnd(t, c.cfg), float64(2*time.Second))
		})
	}
}

// patient sets the server's limits.
func patient() miltertest.Option {
	return miltertest.Configure(func(cfg *framework.Config) {
		cfg.HandlerTimeout, cfg.MessageTimeout = 12*time.Second, 20*time.Second
	})
}

func hangingAtMail(t *testing.T, cfg middleware.TimeoutConfig, answers bool) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		r.Use(middleware.Timeout(cfg))
		if answers {
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				return framework.Continue, untilDone(s, &took)
			})
		} else {
			r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return untilDone(s, &took) })
		}
		res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n"), patient())
		res.AssertTempFailed(t)
		failed, _ := res.Logs.Find("handler failed")
		cause, _ := miltertest.LogAttr(failed, "error")
		assert.ErrorIs(t, cause.Any().(error), framework.ErrHandlerTimeout)
	})
	return took
}

func hangingAtEnd(t *testing.T, cfg middleware.TimeoutConfig) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		r.Use(middleware.Timeout(cfg))
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, untilDone(s, &took)
		})
		miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n"), patient()).AssertTempFailed(t)
	})
	return took
}

func TestTimeoutMistakes(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]middleware.TimeoutConfig{
		"Timeout: TimeoutConfig has no time":         {},
		"Timeout: TimeoutConfig has a negative time": {Event: time.Second, Stages: map[framework.Stage]time.Duration{framework.StageMail: -1}},
	} {
		r := framework.NewRouter()
		r.Use(middleware.Timeout(cfg))
		r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
		_, err := r.Plan()
		assert.ErrorContains(t, err, want)
	}
}

func BenchmarkTimeout(b *testing.B) {
	perEvent(b, middleware.Timeout(middleware.TimeoutConfig{Event: time.Hour, Message: time.Hour}))
}
