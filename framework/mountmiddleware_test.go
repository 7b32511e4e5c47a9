package framework_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// refusing is middleware that refuses at the stages of a message up to the end of the
// header, and leaves other handlers alone.
func refusing(rt *framework.Route, next framework.Handler) framework.Handler {
	if rt.Stage() < framework.StageMail || rt.Stage() > framework.StageEndOfHeaders {
		return next
	}
	return func(*framework.Session, framework.Event) (framework.Verdict, error) { return framework.Reject, nil }
}

// wrong is middleware that reports a mistake in its configuration.
func wrong(rt *framework.Route, next framework.Handler) framework.Handler {
	rt.Errorf("no rate")
	return next
}

// noting is middleware that appends the filter and the stage of each event to list.
func noting(list *[]string) framework.Middleware {
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		name := rt.Filter() + " " + rt.Stage().String()
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			*list = append(*list, name)
			return next(s, ev)
		}
	}
}

func TestWithWrapsOneFilter(t *testing.T) {
	t.Parallel()
	quiet := func(r *framework.Router) error {
		r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })
		return nil
	}
	var outer, one, two []string
	r := framework.NewRouter()
	r.Use(noting(&outer))
	r.Mount(miltertest.FilterFunc("a", quiet), framework.With(noting(&one)), framework.FailOpen(), framework.With(noting(&one), noting(&two)))
	r.Mount(miltertest.FilterFunc("b", quiet))
	miltertest.RunRouter(t, r, miltertest.Message("Subject: x\n\ny\n")).AssertUnmodified(t)
	assert.Equal(t, []string{"a mail", "b mail"}, outer)
	assert.Equal(t, []string{"a mail", "a mail"}, one, "both options hold")
	assert.Equal(t, []string{"a mail"}, two)
}

func TestAsFilterAnswersAtItsStages(t *testing.T) {
	t.Parallel()
	for _, stage := range []framework.Stage{framework.StageMail, framework.StageRcpt, framework.StageData, framework.StageHeader, framework.StageEndOfHeaders} {
		r := framework.NewRouter()
		r.Mount(framework.AsFilter("alone", refusing, stage))
		miltertest.RunRouter(t, r, miltertest.Message("Subject: x\n\ny\n")).AssertRejected(t)
	}
}

// A middleware mounted as a filter is asked for at its stages only, and each of them answers
// but for those without an answer.
func TestAsFilterPlan(t *testing.T) {
	t.Parallel()
	var seen []string
	r := framework.NewRouter()
	r.Mount(framework.AsFilter("alone", noting(&seen), framework.StageRcpt, framework.StageAbort, framework.StageClose))
	plan, err := r.Plan()
	require.NoError(t, err)
	assert.NotZero(t, plan.Protocol&wire.ProtoNoMail)
	assert.Zero(t, plan.Protocol&(wire.ProtoNoRcpt|wire.ProtoNRRcpt))
	assert.Regexp(t, `SMFIP_NR_RCPT +AsFilter\(framework\.noting\) by alone at framework/mountmiddleware_test\.go:\d+`, plan.String())
	miltertest.RunRouter(t, r, miltertest.Message("Subject: x\n\ny\n", miltertest.To("a@example.net", "b@example.net"))).AssertUnmodified(t)
	assert.Equal(t, []string{"alone rcpt", "alone rcpt", "alone close"}, seen)
}

func TestMistakesOfMountedMiddleware(t *testing.T) {
	t.Parallel()
	var seen []string
	quiet := miltertest.FilterFunc("quiet", func(r *framework.Router) error { r.GrantQuarantine(); return nil })
	tests := map[string]struct {
		mount func(r *framework.Router)
		want  []string
	}{
		"idle at a stage": {
			func(r *framework.Router) {
				r.Mount(framework.AsFilter("x", refusing, framework.StageMail, framework.StageHelo, framework.StageBody))
			},
			[]string{
				"AsFilter with the stage helo, at which framework.refusing does nothing",
				"AsFilter with the stage body, at which framework.refusing does nothing",
			},
		},
		"idle inside other middleware": {
			func(r *framework.Router) {
				r.Use(noting(&seen))
				r.Mount(framework.AsFilter("x", refusing, framework.StageHelo), framework.With(noting(&seen)))
			},
			[]string{"AsFilter with the stage helo, at which framework.refusing does nothing"},
		},
		"wrongly configured": {
			func(r *framework.Router) {
				r.Mount(framework.AsFilter("x", wrong, framework.StageHelo, framework.StageMail))
			},
			[]string{"framework.wrong: no rate"},
		},
		"no stage": {
			func(r *framework.Router) { r.Mount(framework.AsFilter("x", refusing)) },
			[]string{"AsFilter without a stage, at which framework.refusing would run"},
		},
		"a stage twice": {
			func(r *framework.Router) {
				r.Mount(framework.AsFilter("x", refusing, framework.StageRcpt, framework.StageRcpt))
			},
			[]string{"AsFilter with the stage rcpt twice"},
		},
		"no such stage": {
			func(r *framework.Router) { r.Mount(framework.AsFilter("x", refusing, 99)) },
			[]string{"AsFilter with the stage 99, which does not exist"},
		},
		"no middleware": {
			func(r *framework.Router) { r.Mount(framework.AsFilter("x", nil, framework.StageRcpt)) },
			[]string{"AsFilter without a middleware"},
		},
		"With of nil": {
			func(r *framework.Router) { r.Mount(quiet, framework.With(noting(&seen), nil)) },
			[]string{"With: a nil middleware"},
		},
		"With on a router": {
			func(*framework.Router) {}, nil, // see below
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			if c.want == nil {
				r = framework.NewRouter(framework.With(refusing))
				c.want = []string{"NewRouter with the option With: call Router.Use or Router.With"}
			}
			c.mount(r)
			_, err := r.Plan()
			require.Error(t, err)
			for _, want := range c.want {
				assert.ErrorContains(t, err, want)
			}
			assert.Equal(t, len(c.want), strings.Count(err.Error(), "mountmiddleware_test.go"), "%v", err)
			assert.Regexp(t, `framework/mountmiddleware_test\.go:\d+`, err.Error())
		})
	}
}
