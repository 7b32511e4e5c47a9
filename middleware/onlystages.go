package middleware

import (
	"fmt"
	"slices"

	"github.com/sluicemail/sluice/framework"
)

// OnlyStages applies a middleware to the handlers of the given stages only. The
// handlers of the other stages run without it.
//
// The stages are selected when the plan is made, so that the other stages cost
// nothing. The middleware adds to the plan only what it needs at the given
// stages. If OnlyStages wraps no handler of these stages in the router,
// [framework.Router.Plan] returns an error.
func OnlyStages(mw framework.Middleware, stages ...framework.Stage) framework.Middleware {
	stages = slices.Clone(stages)
	needed := needsEffect(fmt.Errorf("wraps no handler of the stages %v, so that its middleware never runs", stages))
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		switch {
		case mw == nil || len(stages) == 0:
			rt.Errorf("want a middleware and at least one stage")
			return next
		case !needed.watch(rt, slices.Contains(stages, rt.Stage())):
			return next
		}
		return mw(rt, next)
	}
}
