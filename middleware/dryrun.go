package middleware

import "github.com/sluicemail/sluice/framework"

// DryRun runs handlers without effect on the mail. Their verdicts and
// modifications are logged as "dry run: verdict" and "dry run: modification", and
// not sent to the MTA. An error is logged like a verdict, and the filter's policy
// is not applied.
//
// [framework.DryRun] applies to a whole filter. This middleware can wrap single
// handlers of a filter, such as those of a new rule. What the handlers store in
// slots is kept as usual.
//
// It does not change the plan: the grants and answers of the handlers are still
// negotiated, so that a dry run costs the MTA as much time as a real run. If an MTA does not
// offer an action that a filter requires, and all handlers of the filter are in a dry run,
// sessions go on without the filter, as with [framework.DryRun].
func DryRun() framework.Middleware {
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		rt.DryRun()
		return next
	}
}
