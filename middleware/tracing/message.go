package tracing

import (
	"context"
	"reflect"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
)

// messageTrace is the trace of the current message.
type messageTrace struct {
	root      spanContext
	recording bool
	stages    []stageSpan // by the index of their key
}

// spanContext is a span, and a context with the span. The context is reused for
// all events that have the same parent context.
type spanContext struct {
	span        trace.Span
	parent, ctx context.Context //nolint:containedctx // for the current message
}

// in returns a context with the span, below the parent context.
func (c *spanContext) in(parent context.Context) context.Context {
	if c.parent == nil || !reflect.TypeOf(parent).Comparable() || c.parent != parent {
		c.parent, c.ctx = parent, trace.ContextWithSpan(parent, c.span)
	}
	return c.ctx
}

// stageSpan is the span of a filter's stage.
type stageSpan struct {
	spanContext
	end    time.Time
	busy   time.Duration
	events int
}

// ResetSlot is called by the framework after each message.
func (m *messageTrace) ResetSlot() {
	clear(m.stages)
	*m = messageTrace{stages: m.stages}
}

// begin starts the root span, and adds the spans of the session's earlier stages.
func (t *tracer) begin(s *framework.Session, m *messageTrace) {
	kept, begin := t.session.Get(s), time.Now()
	if len(kept.early) > 0 {
		begin = kept.early[0].begin
	}
	_, m.root.span = t.tracer.Start(context.Background(), "milter message",
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(begin))
	m.recording = m.root.span.IsRecording()
	if m.recording {
		m.stages = slices.Grow(m.stages[:0], len(t.keys))[:len(t.keys)]
		for _, call := range kept.early {
			m.startAt(t, call.key, call.begin).record(call.begin, call.end, call.result)
		}
	}
	kept.early = nil
}

// startAt returns the span of a key, and starts it if necessary: at the given
// time, or now if the time is zero.
func (m *messageTrace) startAt(t *tracer, key int, begin time.Time) *stageSpan {
	st, k := &m.stages[key], &t.keys[key]
	if st.span == nil {
		opts := []trace.SpanStartOption{trace.WithAttributes(
			attribute.String("milter.filter", k.filter), attribute.String("milter.stage", k.stage.String()))}
		if !begin.IsZero() {
			opts = append(opts, trace.WithTimestamp(begin))
		}
		_, st.span = t.tracer.Start(m.root.in(context.Background()), k.filter+" "+k.stage.String(), opts...)
	}
	return st
}

// record adds a handler's result to the span.
func (st *stageSpan) record(begin, end time.Time, res result) {
	st.events++
	st.end, st.busy = end, st.busy+end.Sub(begin)
	if res.verdict != framework.Continue {
		st.span.SetAttributes(attribute.String("milter.verdict", text(res.verdict.String())))
	}
	switch {
	case res.panicked:
		st.fail("panic", "the handler panicked")
	case res.err != nil:
		st.fail("error", text(res.err.Error()))
	}
}

// fail marks the span as failed.
func (st *stageSpan) fail(kind, what string) { failSpan(st.span, kind, what, st.end) }

// failSpan marks a span as failed at the given time.
func failSpan(span trace.Span, kind, what string, at time.Time) {
	span.AddEvent("exception", trace.WithAttributes(
		attribute.String("exception.type", kind), attribute.String("exception.message", what)), trace.WithTimestamp(at))
	span.SetAttributes(attribute.String("error.type", kind))
	span.SetStatus(codes.Error, what)
}

// finish ends the spans of the stages, at the time at which their last handler
// ended.
func (m *messageTrace) finish() {
	for i := range m.stages {
		if st := &m.stages[i]; st.span != nil {
			st.span.SetAttributes(attribute.Int("milter.events", st.events), attribute.Float64("milter.handlers.duration", st.busy.Seconds()))
			st.span.End(trace.WithTimestamp(st.end))
		}
	}
}

// afterMessage ends the message's spans.
func (t *tracer) afterMessage(s *framework.Session, end *framework.MessageResult) {
	m := t.message.Get(s)
	if m.root.span == nil {
		return
	}
	defer m.ResetSlot()
	if m.recording {
		m.finish()
		m.root.span.SetAttributes(rootAttributes(s, end)...)
		if addr, ok := t.client.Value(s); ok {
			m.root.span.SetAttributes(attribute.String("client.address", text(addr)))
		}
	}
	m.root.span.End()
}

func rootAttributes(s *framework.Session, end *framework.MessageResult) []attribute.KeyValue {
	verdict := "aborted"
	if !end.Aborted {
		verdict = text(end.Verdict.String())
	}
	attrs := []attribute.KeyValue{
		attribute.String("milter.session.id", s.ID()),
		attribute.Int64("milter.message.number", int64(end.Number)), //nolint:gosec // no session has so many
		attribute.String("milter.verdict", verdict),
	}
	if id := s.QueueID(); id != "" {
		attrs = append(attrs, attribute.String("milter.queue_id", text(id)))
	}
	if end.Shown(framework.StageRcpt) {
		attrs = append(attrs, attribute.Int("milter.recipients", end.Recipients))
	}
	if end.Shown(framework.StageBody) {
		attrs = append(attrs, attribute.Int64("milter.body.size", end.Size))
	}
	if !end.Aborted {
		attrs = append(attrs, attribute.String("milter.stage", end.Stage.String()))
	}
	if end.Filter != "" {
		attrs = append(attrs, attribute.String("milter.filter", end.Filter))
	}
	for kind, n := range end.Modifications() {
		attrs = append(attrs, attribute.Int("milter.modifications."+kind, n))
	}
	return attrs
}

// maxText is the number of bytes of a text that go to a trace.
const maxText = 256

// text escapes and cuts a value for a trace, whose strings must be UTF-8.
func text(value string) string { return middleware.Printable(value, maxText) }
