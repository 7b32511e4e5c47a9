// Package tracing creates an OpenTelemetry trace for each message.
//
//	r.Use(tracing.Middleware(tracing.Config{TracerProvider: provider}))
//
// The root span covers the message, from the first call of a handler to the end
// of the message. Below it, each stage of each filter has one span, from the
// start of the first handler to the end of the last. The span of the stage
// Header of a message with twenty header fields, for example, ends with the
// handler of the twentieth field. Spans of Connect and Helo are in the trace of
// the session's first message.
//
// # Attributes
//
// The root span is named "milter message" and has the attributes:
//
//	milter.session.id           the session's ID, as in the log
//	milter.message.number       the message's number in the session, from 1
//	milter.queue_id             the MTA's ID of the message, if it is known
//	milter.verdict              continue, accept, reject, a reply's text …, or aborted
//	milter.filter               the filter that refused or discarded the message
//	milter.stage                the stage of the verdict
//	milter.recipients           number of recipients that were not refused, if a filter receives recipients
//	milter.body.size            bytes of the body, if a filter receives the body
//	milter.modifications.KIND   number of modifications of a kind, such as addheader
//	client.address              the SMTP client's address, if Config.ClientAddress is set
//
// The span of a stage is named "FILTER STAGE" and has the attributes:
//
//	milter.filter               the filter
//	milter.stage                the stage
//	milter.events               number of events
//	milter.handlers.duration    seconds in handlers; the span also covers the time between events
//	milter.verdict              the verdict, unless it is continue
//	error.type                  "error" or "panic", if a handler failed
//
// A function of framework.Async has a span named "FILTER async", below the span of the
// stage at which it was started. A function that was started at Connect or Helo has none.
// The attributes are:
//
//	milter.filter               the filter
//	milter.async                the file and line of the call of framework.Async
//	error.type                  "error" or "panic", if the function failed
//
// A failure also sets the span's status, and adds an event named "exception".
//
// A trace contains no address of a sender or recipient and no content of the
// mail, unless a filter puts them into a reply or an error.
//
// # Cost
//
// The queue ID is requested at the end of the message, which adds no stage to
// the plan. A message that is not sampled costs the SDK's root span and one
// context. An event does not allocate.
package tracing
