package middleware

import (
	"slices"

	"github.com/sluicemail/sluice/framework"
)

// OnlyStages puts a middleware around the handlers of the given stages, and
// around no others. The handlers themselves all run.
//
// It is decided when the plan is made: around the other stages it costs
// nothing. What the middleware adds to the plan, it adds for those stages
// alone.
func OnlyStages(mw framework.Middleware, stages ...framework.Stage) framework.Middleware {
	stages = slices.Clone(stages)
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		switch {
		case mw == nil || len(stages) == 0:
			rt.Errorf("OnlyStages: without a middleware, or without a stage")
			return next
		case !slices.Contains(stages, rt.Stage()):
			return next
		}
		return mw(rt, next)
	}
}
