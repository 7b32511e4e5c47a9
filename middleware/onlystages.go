package middleware

import (
	"slices"

	"github.com/sluicemail/sluice/framework"
)

// OnlyStages applies a middleware to the handlers of the given stages only. The
// handlers of the other stages run without it.
//
// The stages are selected when the plan is made, so that the other stages cost
// nothing. The middleware adds to the plan only what it needs at the given
// stages.
func OnlyStages(mw framework.Middleware, stages ...framework.Stage) framework.Middleware {
	stages = slices.Clone(stages)
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		switch {
		case mw == nil || len(stages) == 0:
			rt.Errorf("want a middleware and at least one stage")
			return next
		case !slices.Contains(stages, rt.Stage()):
			return next
		}
		return mw(rt, next)
	}
}
