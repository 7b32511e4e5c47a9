// Package tracing makes an OpenTelemetry trace of each message.
//
//	r.Use(tracing.Middleware(tracing.Config{TracerProvider: provider}))
//
// The root span is the message, from the first handler that is called for it to
// its end, by whatever way. Below it is a span for each stage of each filter: it
// begins with the first of its handlers and ends with the last, for a message of
// twenty header fields with the twentieth. The span of a stage that belongs to no
// message yet, Connect or Helo, is in the trace of the session's first message.
//
// # Attributes
//
// Of the root, named "milter message":
//
//	milter.session.id           as in the log
//	milter.message.number       of the session's messages, from 1
//	milter.queue_id             the MTA's name for the message
//	milter.verdict              continue, accept, reject, a reply's text …, or aborted
//	milter.filter               who gave a verdict that refuses or discards
//	milter.stage                where the verdict was given
//	milter.recipients           how many were shown and not refused, where a filter is shown any
//	milter.body.size            bytes that were shown, where a filter is shown the body
//	milter.modifications.KIND   how many there were of the kind, such as addheader
//	client.address              the SMTP client, if Config.ClientAddress says so
//
// Of the span of a stage, named "FILTER STAGE": milter.filter, milter.stage,
// milter.events (how many), milter.handlers.duration (seconds in handlers, which
// is less than the span is long), milter.verdict where it is not continue. An
// error or a panic is an event of the span, and its status; error.type is "error"
// or "panic".
//
// No address of a sender or recipient, and nothing of the mail, is in a trace,
// but for what a filter puts into a reply or an error.
//
// # Cost
//
// The queue id is asked for at the end of the message, which opens no stage. A
// message that is not sampled costs what the SDK takes for a root span, and a
// context that holds it. An event allocates nothing.
package tracing
