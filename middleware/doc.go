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
//	r.Use(middleware.Logger(middleware.LoggerConfig{}), middleware.Recover())
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
// The first is the outermost. What is sensible, each being of use without the
// others:
//
//	r.Use(
//		middleware.Macros(macros),      // the lines and contexts of all others have them
//		middleware.Logger(middleware.LoggerConfig{}),
//		tracing.Middleware(traces),
//		m.Middleware,                   // of the package metrics
//		middleware.Recover(),           // those above see a panic as an error
//		middleware.Timeout(times),
//		middleware.When(condition),     // or Sample: what is below holds for these messages
//		middleware.RateLimit(rates),    // what it refuses takes no place below
//		middleware.MaxMessages(places),
//		middleware.NormalizeHeaders(middleware.NormalizeConfig{}),
//	)
//
// [Timeout] and [DryRun] hold for the handler wherever they stand, and so for the
// middleware around it: a [RateLimit] around a handler on trial refuses nothing.
// [OnlyStages] and [ApplyWhen] stand where the middleware would that they are given.
//
// # Configuration
//
// A mistake in a configuration is reported by [framework.Router.Plan], together
// with all others.
package middleware
