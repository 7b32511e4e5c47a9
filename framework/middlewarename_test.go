package framework_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
)

// curious is a type whose methods are middleware or return it.
type curious struct{}

func (*curious) Middleware(rt *framework.Route, next framework.Handler) framework.Handler {
	rt.WantMacro(framework.StageMail, "auth_authen")
	return next
}

func (*curious) made() framework.Middleware {
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		rt.WantMacro(framework.StageMail, "auth_authen")
		return next
	}
}

func plainly(rt *framework.Route, next framework.Handler) framework.Handler {
	rt.WantMacro(framework.StageMail, "auth_authen")
	return next
}

// A plan names the middleware that made a request, however the middleware is
// written.
func TestPlanNamesMiddleware(t *testing.T) {
	t.Parallel()
	ask := func(rt *framework.Route) { rt.WantMacro(framework.StageMail, "auth_authen") }
	for want, mw := range map[string]framework.Middleware{
		"framework.plainly":                 plainly,
		"framework_test.curious.Middleware": new(curious).Middleware,
		"framework.made":                    new(curious).made(),
		"framework.asking":                  asking(ask),
	} {
		r := framework.NewRouter()
		r.Use(mw)
		r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })
		plan, err := r.Plan()
		require.NoError(t, err)
		var causes []string
		for _, reason := range plan.Reasons {
			if reason.Bit == "SMFIM_ENVFROM {auth_authen}" {
				causes = append(causes, reason.Cause)
			}
		}
		assert.Equal(t, []string{want}, causes)
	}
}
