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

// messageTrace is the trace of the message under way.
type messageTrace struct {
	root      spanContext
	recording bool
	stages    []stageSpan // by place
}

// spanContext is a span, and the context that holds it: one for all events, as
// long as what is put into it is the same.
type spanContext struct {
	span        trace.Span
	parent, ctx context.Context //nolint:containedctx // for the message under way
}

// in returns the context with the span.
func (c *spanContext) in(parent context.Context) context.Context {
	if c.parent == nil || !reflect.TypeOf(parent).Comparable() || c.parent != parent {
		c.parent, c.ctx = parent, trace.ContextWithSpan(parent, c.span)
	}
	return c.ctx
}

// stageSpan is the span of a place.
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

// begin starts the root span, and makes up for what came before it.
func (t *tracer) begin(s *framework.Session, m *messageTrace) {
	kept, begin := t.session.Get(s), time.Now()
	if len(kept.early) > 0 {
		begin = kept.early[0].begin
	}
	_, m.root.span = t.tracer.Start(context.Background(), "milter message",
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(begin))
	m.recording = m.root.span.IsRecording()
	if m.recording {
		m.stages = slices.Grow(m.stages[:0], len(t.places))[:len(t.places)]
		for _, v := range kept.early {
			m.startAt(t, v.place, v.begin).note(v.begin, v.end, v.out)
		}
	}
	kept.early = nil
}

// startAt begins the span of a place, now or at a time that is over.
func (m *messageTrace) startAt(t *tracer, place int, begin time.Time) *stageSpan {
	st, p := &m.stages[place], &t.places[place]
	if st.span == nil {
		opts := []trace.SpanStartOption{trace.WithAttributes(
			attribute.String("milter.filter", p.filter), attribute.String("milter.stage", p.stage.String()))}
		if !begin.IsZero() {
			opts = append(opts, trace.WithTimestamp(begin))
		}
		_, st.span = t.tracer.Start(m.root.in(context.Background()), p.filter+" "+p.stage.String(), opts...)
	}
	return st
}

// note enters what came of a handler.
func (st *stageSpan) note(begin, end time.Time, out outcome) {
	st.events++
	st.end, st.busy = end, st.busy+end.Sub(begin)
	if out.verdict != framework.Continue {
		st.span.SetAttributes(attribute.String("milter.verdict", text(out.verdict.String())))
	}
	switch {
	case out.panicked:
		st.fail("panic", "the handler panicked")
	case out.err != nil:
		st.fail("error", text(out.err.Error()))
	}
}

func (st *stageSpan) fail(kind, what string) {
	st.span.AddEvent("exception", trace.WithAttributes(
		attribute.String("exception.type", kind), attribute.String("exception.message", what)), trace.WithTimestamp(st.end))
	st.span.SetAttributes(attribute.String("error.type", kind))
	st.span.SetStatus(codes.Error, what)
}

// finish ends the spans of the stages, each at the end of its last handler.
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
		attribute.String("milter.queue_id", text(s.QueueID())),
		attribute.String("milter.verdict", verdict),
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

// maxText is how many bytes of a text go to a trace.
const maxText = 256

// text makes what others wrote fit for a trace, whose strings must be UTF-8.
func text(value string) string { return middleware.Printable(value, maxText) }
