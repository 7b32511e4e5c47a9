package middleware

import "github.com/sluicemail/sluice/framework"

// DryRun puts handlers on trial: they run, and what they decide and ask to
// modify is logged, "dry run: verdict" and "dry run: modification", but nothing
// comes of it. An error is logged as a verdict is, and fails nothing.
//
// Unlike [framework.DryRun], which puts a whole lane on trial, it may be put
// around some handlers of a filter: a new rule beside those that are proven.
// What such a handler keeps in slots is kept all the same.
//
// It adds nothing to the plan, and takes nothing from it: the grants and answers
// of what is on trial are asked for, so that the trial is like the real thing.
func DryRun() framework.Middleware {
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		rt.DryRun()
		return next
	}
}
