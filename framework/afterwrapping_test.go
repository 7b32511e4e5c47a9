package framework_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

var errNoRcpt = errors.New("no handler of Rcpt")

// needsRcpt is middleware that must wrap a handler of Rcpt. It is checked once a router.
func needsRcpt() framework.Middleware {
	found := framework.OncePerRouter(func(rt *framework.Route) *bool {
		found := new(bool)
		rt.AfterWrapping(func() error {
			if *found {
				return nil
			}
			return errNoRcpt
		})
		return found
	})
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		ok := found(rt)
		*ok = *ok || rt.Stage() == framework.StageRcpt
		return next
	}
}

// Plan calls a check of middleware after the handlers of all filters were wrapped, and
// reports its error with the line that added the middleware.
func TestAfterWrapping(t *testing.T) {
	t.Parallel()
	on := func(name string, register func(r *framework.Router)) framework.Filter {
		return miltertest.FilterFunc(name, func(r *framework.Router) error { register(r); return nil })
	}
	early := on("early", func(r *framework.Router) {
		r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })
	})
	late := on("late", func(r *framework.Router) {
		r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return framework.Continue, nil })
	})
	tests := map[string]struct {
		mount func(r *framework.Router)
		want  string // "" means no mistake
	}{
		"one filter has it": {func(r *framework.Router) {
			r.Use(needsRcpt())
			r.Mount(early)
			r.Mount(late)
		}, ""},
		"no filter has it": {func(r *framework.Router) {
			r.Use(needsRcpt())
			r.Mount(early)
		}, `filter "main": framework.needsRcpt: no handler of Rcpt`},
		"one outside of the middleware": {func(r *framework.Router) {
			r.Mount(early, framework.With(needsRcpt()))
			r.Mount(late)
		}, `filter "early": framework.needsRcpt: no handler of Rcpt`},
		"reported by AsFilter": {func(r *framework.Router) {
			r.Mount(framework.AsFilter("alone", needsRcpt(), framework.StageMail))
		}, `filter "alone": AsFilter with the stage mail, at which framework.needsRcpt does nothing`},
		"a filter without a handler": {func(r *framework.Router) {
			r.Mount(late)
			r.Mount(on("limit", func(r *framework.Router) { r.Use(needsRcpt()); r.GrantQuarantine() }))
		}, `filter "limit": Use of framework.needsRcpt around no handler: it never runs. AsFilter mounts it without one`},
		"a filter that mounts the handler": {func(r *framework.Router) {
			r.Mount(on("outer", func(r *framework.Router) { r.Use(needsRcpt()); r.Mount(late) }))
		}, ""},
		"a router without a filter": {func(r *framework.Router) { r.Use(needsRcpt()) }, ""},
		"without a function": {func(r *framework.Router) {
			r.Use(asking(func(rt *framework.Route) { rt.AfterWrapping(nil) }))
			r.Mount(early)
		}, `filter "main": framework.asking: AfterWrapping without a function`},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			c.mount(r)
			_, err := r.Plan()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			var one *framework.RegistrationError
			require.ErrorAs(t, err, &one)
			assert.Equal(t, one.Error(), err.Error(), "one error")
			assert.Regexp(t, `^framework: framework/afterwrapping_test\.go:\d+: `, err.Error())
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// The error of a check can be recognized.
func TestAfterWrappingCause(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(needsRcpt())
	r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })
	_, err := r.Plan()
	require.ErrorIs(t, err, errNoRcpt)
}
