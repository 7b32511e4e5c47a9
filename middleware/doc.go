// Package middleware holds what goes around the handlers of any filter:
//
//   - [Logger] writes a line for each message, and one for each event;
//     [Macros] puts the MTA's macros into log and context.
//   - [NormalizeHeaders] shows header fields unfolded and decoded.
//   - [Recover], [Timeout] and [DryRun] change what becomes of a handler.
//   - [Throttle], [MaxMessages] and [RateLimit] bound how much is done.
//   - [When], [ApplyWhen], [Sample] and [OnlyStages] say for what.
//
// The packages below it, metrics, tracing and redisstore, stand apart for the
// sake of what they import.
//
// Middleware is put around handlers with Use, With and Group of
// [framework.Router], around those of one filter or of all that are mounted:
//
//	r := framework.NewRouter()
//	r.Use(middleware.Recover(), middleware.Logger(nil))
//	r.With(middleware.When(middleware.Not(middleware.Authenticated()))).Mount(spamfilter)
//
// None of it adds a stage, except by the macros that it reads: the plan lists
// each, and names the registration whose handler it is around. Around handlers
// that it has nothing to do with, it costs nothing, or a comparison.
//
// # On handlers that do not answer
//
// Middleware that decides, such as [RateLimit], does so around observers too.
// The MTA waits for no answer there: the framework keeps the verdict and gives it
// at the next stage that answers, at the latest at the end of the message.
// Around a handler that answers, the verdict is given at once, which saves the
// client the sending of the rest.
//
// # Order
//
// The first is the outermost. What is sensible:
//
//   - [Macros] first, so that the lines and contexts of all others have them.
//   - [Recover] inside of what must see a panic as an error, such as a logger.
//   - [When], [Sample] and [OnlyStages] outside of what they are to hold for.
//   - [RateLimit] outside of [MaxMessages] and [Throttle], so that a message
//     which is refused takes no place.
//
// # Configuration
//
// A mistake in a configuration is reported by [framework.Router.Plan], together
// with all others.
package middleware
