// Package middleware contains middleware for the handlers of any filter:
//
//   - [Logger] logs a line for each message and for each event. [Macros] adds
//     the MTA's macros to the log lines and to the context.
//   - [NormalizeHeaders] shows header fields unfolded and decoded.
//   - [Recover] turns panics into errors, [Timeout] limits the time of handlers,
//     and [DryRun] runs handlers without effect on the mail.
//   - [Throttle], [MaxMessages] and [RateLimit] limit the load.
//   - [When], [ApplyWhen], [Sample] and [OnlyStages] select the messages or the
//     stages.
//
// The packages metrics, tracing and redisstore are separate because they import
// large dependencies.
//
// Middleware is added by Use, With and Group of [framework.Router]. It wraps the
// handlers of one filter, or those of all filters that are mounted:
//
//	r := framework.NewRouter()
//	r.Use(middleware.Logger(middleware.LoggerConfig{}), middleware.Recover())
//	r.With(middleware.When(middleware.Not(middleware.Authenticated()))).Mount(spamfilter)
//
// Limits and reports need no filter to wrap: [RateLimit], [MaxMessages], [Logger], and those
// of metrics and tracing. [framework.AsFilter] mounts such a middleware alone, at the stages
// that it names:
//
//	r.Mount(framework.AsFilter("rcptrate", middleware.RateLimit(rates), framework.StageRcpt))
//
// A middleware adds a stage to the plan only if it reads a macro of that stage.
// The plan lists these macros, with the registration whose handler the middleware
// wraps. At stages that do not concern a middleware, it costs one comparison at
// most.
//
// # Observers
//
// Middleware that gives verdicts, such as [RateLimit], also does so around
// observers. The MTA waits for no answer to an observer. The framework therefore
// keeps the verdict and sends it at the next stage that answers, at the latest at
// the end of the message. Around a handler that answers, the verdict is sent at
// once, and the client does not have to send the rest of the message.
//
// # Order
//
// The first middleware is the outermost. This order is sensible; none of them
// needs another:
//
//	r.Use(
//		middleware.Macros(macros),      // adds macros to the lines and contexts of all others
//		middleware.Logger(middleware.LoggerConfig{}),
//		tracing.Middleware(traces),
//		m.Middleware,                   // of the package metrics
//		middleware.Recover(),           // those above get an error instead of a panic
//		middleware.Timeout(times),
//		middleware.When(condition),     // or Sample: those below run for these messages only
//		middleware.RateLimit(rates),    // messages that it refuses do not count for those below
//		middleware.MaxMessages(limit),
//		middleware.NormalizeHeaders(middleware.NormalizeConfig{}),
//	)
//
// [Timeout] and [DryRun] apply to the handler whatever their position, and
// therefore to the middleware around it, too: a [RateLimit] around a handler
// under DryRun refuses nothing. [OnlyStages] and [ApplyWhen] belong at the
// position of the middleware that they wrap.
//
// # Configuration
//
// [framework.Router.Plan] reports mistakes in the configurations, together with
// all other mistakes.
package middleware
