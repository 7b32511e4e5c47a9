package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

// outside returns middleware that records the errors that it gets.
func outside(errs *[]error) framework.Middleware {
	return func(_ *framework.Route, next framework.Handler) framework.Handler {
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			v, err := next(s, ev)
			*errs = append(*errs, err)
			return v, err
		}
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for name, c := range map[string]struct {
		value any
		text  string
	}{
		"an error":     {cause, "panic: cause"},
		"a string":     {"bad\nluck", "panic: bad\nluck"},
		"a long value": {strings.Repeat("x", 1<<20), "panic: " + strings.Repeat("x", 1<<10) + "…"},
	} {
		for _, answers := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var errs []error
				r := framework.NewRouter()
				r.Use(outside(&errs), middleware.Recover())
				if answers {
					r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { panic(c.value) })
				} else {
					r.ObserveMail(func(*framework.Session, *framework.Mail) error { panic(c.value) })
				}
				res := miltertest.RunRouter(t, r, miltertest.Message(letter))
				assert.Equal(t, "451 4.3.0 mail filter failed, try again later", res.Reply())
				require.Len(t, errs, 1)
				assert.EqualError(t, errs[0], c.text)
				failure := new(framework.PanicError)
				require.ErrorAs(t, errs[0], &failure)
				assert.Equal(t, c.value, failure.Value)
				assert.Equal(t, c.value == any(cause), errors.Is(errs[0], cause))

				own, ok := res.Logs.Find("handler panicked")
				require.True(t, ok)
				stack, _ := miltertest.LogAttr(own, "stack")
				assert.Contains(t, stack.String(), "recover_test.go")
				theirs, ok := res.Logs.Find("handler failed")
				require.True(t, ok)
				_, twice := miltertest.LogAttr(theirs, "stack")
				assert.False(t, twice, "the stack is logged once")
			})
		}
	}
}

func TestRecoverLogsWhereItIsTold(t *testing.T) {
	t.Parallel()
	var own bytes.Buffer
	r := framework.NewRouter()
	r.Use(middleware.RecoverTo(slog.New(slog.NewTextHandler(&own, nil))))
	r.ObserveClose(func(*framework.Session, *framework.Close) error { panic("at the end") })
	res := miltertest.RunRouter(t, r, miltertest.Message(letter))
	res.AssertAccepted(t)
	assert.Contains(t, own.String(), `filter=main stage=close`)
	assert.Contains(t, own.String(), "session=")
	_, ok := res.Logs.Find("handler panicked")
	assert.False(t, ok)
}

// Results without a panic are passed on unchanged.
func TestRecoverPassesOn(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(middleware.Recover())
	r.OnMail(says[*framework.Mail](framework.MustReply(550, "5.7.1", "no")))
	assert.Equal(t, "550 5.7.1 no", miltertest.RunRouter(t, r, miltertest.Message(letter)).Reply())

	failing := framework.NewRouter(framework.FailOpen())
	failing.Use(middleware.Recover())
	failing.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
		return framework.Reject, context.Canceled
	})
	miltertest.RunRouter(t, failing, miltertest.Message(letter)).AssertAccepted(t)
}
