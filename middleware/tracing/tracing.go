package tracing

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/sluicemail/sluice/framework"
)

// Config configures [Middleware].
type Config struct {
	// TracerProvider provides the tracer. Nil disables tracing:
	// OpenTelemetry's global provider is not used by default.
	TracerProvider trace.TracerProvider
	// ClientAddress adds the SMTP client's address to the root span. It adds
	// the macro {client_addr} at Connect to the plan.
	ClientAddress bool
}

// scope is the instrumentation scope of the spans.
const scope = "github.com/sluicemail/sluice/middleware/tracing"

// Middleware traces the handlers that it wraps. If one Use wraps several
// filters, a message has one trace. If the filters are wrapped separately, a
// message has a trace for each.
//
// The context of [framework.Session.Context] has the span of the handler's
// stage. Spans that the handler, or a database or HTTP client, starts with this
// context are below it. In handlers of Connect and Helo the context has no
// span, because the trace starts with the message.
func Middleware(cfg Config) framework.Middleware {
	if cfg.TracerProvider == nil {
		return func(_ *framework.Route, next framework.Handler) framework.Handler { return next }
	}
	tracers := framework.OncePerRouter(cfg.newTracer)
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		t := tracers(rt)
		switch stage := rt.Stage(); {
		case stage <= framework.StageHelo:
			return t.ofSession(t.key(rt), next)
		case stage <= framework.StageAbort:
			return t.ofMessage(t.key(rt), next)
		}
		return next
	}
}

func (cfg Config) newTracer(rt *framework.Route) *tracer {
	t := &tracer{
		tracer:  cfg.TracerProvider.Tracer(scope),
		message: framework.PerMessage[messageTrace](rt),
		session: framework.PerConnection[sessionTrace](rt),
	}
	rt.AfterMessage(t.afterMessage)
	rt.AroundAsync(t.aroundAsync)
	rt.WantMacro(framework.StageEndOfMessage, "i")
	if cfg.ClientAddress {
		t.client = rt.WantMacro(framework.StageConnect, "client_addr")
	}
	return t
}

// tracer traces the messages of one router.
type tracer struct {
	tracer  trace.Tracer
	message framework.Slot[messageTrace]
	session framework.Slot[sessionTrace]
	client  framework.Macro
	keys    []spanKey
}

// spanKey is a stage of a filter. Each has one span in the trace of a message.
type spanKey struct {
	filter string
	stage  framework.Stage
}

// key returns the index of the route's key in t.keys, and adds the key if
// necessary.
func (t *tracer) key(rt *framework.Route) int {
	k := spanKey{rt.Filter(), rt.Stage()}
	for i := range t.keys {
		if t.keys[i] == k {
			return i
		}
	}
	t.keys = append(t.keys, k)
	return len(t.keys) - 1
}

// sessionTrace records the handler calls before the session's first message.
type sessionTrace struct{ early []call }

// call is a recorded call of a handler.
type call struct {
	key        int
	begin, end time.Time
	result     result
}

// result is what a handler returned.
type result struct {
	verdict  framework.Verdict
	err      error
	panicked bool
}

// ofSession records the calls of handlers until the session has a message.
func (t *tracer) ofSession(key int, next framework.Handler) framework.Handler {
	return func(s *framework.Session, ev framework.Event) (v framework.Verdict, err error) {
		c := call{key: key, begin: time.Now(), result: result{panicked: true}}
		defer func() {
			c.end = time.Now()
			kept := t.session.Get(s)
			if len(kept.early) < maxEarly {
				kept.early = append(kept.early, c)
			}
		}()
		v, err = next(s, ev)
		c.result = result{verdict: v, err: err}
		return v, err
	}
}

// maxEarly is the maximum number of recorded calls of a session. A client may
// send HELO any number of times without a message.
const maxEarly = 64

// ofMessage traces the handlers of a message's stage, and adds the span to
// their context. If the message is not sampled, it adds the root span, so that
// spans below it are not sampled either.
func (t *tracer) ofMessage(key int, next framework.Handler) framework.Handler {
	return func(s *framework.Session, ev framework.Event) (v framework.Verdict, err error) {
		m, outer := t.message.Get(s), s.Context()
		if m.root.span == nil {
			t.begin(s, m)
		}
		if !m.recording {
			return s.CallWithContext(m.root.in(outer), next, ev)
		}
		st, begin, res := m.startAt(t, key, time.Time{}), time.Now(), result{panicked: true}
		defer func() { st.record(begin, time.Now(), res) }()
		v, err = s.CallWithContext(st.in(outer), next, ev)
		res = result{verdict: v, err: err}
		return v, err
	}
}

// aroundAsync adds a span for a function of [framework.AsyncValue.Start], below the span of
// the stage at which it was started. Without a span, such as at Connect, there is none.
func (t *tracer) aroundAsync(ctx context.Context, filter, where string, run func(context.Context) error) error {
	traced := slices.ContainsFunc(t.keys, func(k spanKey) bool { return k.filter == filter })
	if !traced || !trace.SpanContextFromContext(ctx).IsValid() {
		return run(ctx)
	}
	ctx, span := t.tracer.Start(ctx, filter+" async", trace.WithAttributes(
		attribute.String("milter.filter", filter), attribute.String("milter.async", where)))
	defer span.End()
	err := run(ctx)
	if err != nil {
		kind, what := "error", text(err.Error())
		if _, ok := errors.AsType[*framework.PanicError](err); ok {
			kind = "panic"
		}
		failSpan(span, kind, what, time.Now())
	}
	return err
}
