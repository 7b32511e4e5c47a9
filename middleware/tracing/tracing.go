package tracing

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sluicemail/sluice/framework"
)

// Config says where traces go.
type Config struct {
	// TracerProvider makes the tracer. Nil means that nothing is traced:
	// OpenTelemetry's global provider is not looked at, unless it is given.
	TracerProvider trace.TracerProvider
	// ClientAddress adds the SMTP client's address to the root span, and has
	// the MTA send the macro {client_addr} at Connect.
	ClientAddress bool
}

// scope names the source of the spans.
const scope = "github.com/sluicemail/sluice/middleware/tracing"

// Middleware traces what it wraps. Put around several filters by one Use, it
// makes one trace of a message; put around them one by one, a trace for each.
//
// The handlers of a message find the span of their stage in
// [framework.Session.Context]: what they call with that, database clients, HTTP
// clients, spans of their own, comes below it. Those of Connect and Helo run
// before there is a trace, and find none.
func Middleware(cfg Config) framework.Middleware {
	if cfg.TracerProvider == nil {
		return func(_ *framework.Route, next framework.Handler) framework.Handler { return next }
	}
	tracers := framework.OncePerRouter(cfg.on)
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		t := tracers(rt)
		switch stage := rt.Stage(); {
		case stage <= framework.StageHelo:
			return t.early(t.place(rt), next)
		case stage <= framework.StageAbort:
			return t.staged(t.place(rt), next)
		}
		return next
	}
}

func (cfg Config) on(rt *framework.Route) *tracer {
	t := &tracer{
		tracer:  cfg.TracerProvider.Tracer(scope),
		message: framework.PerMessage[messageTrace](rt),
		session: framework.PerConnection[sessionTrace](rt),
	}
	rt.AfterMessage(t.afterMessage)
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
	places  []place
}

// place is a stage of a filter: what has a span.
type place struct {
	filter string
	stage  framework.Stage
}

// place returns the number of the route's place.
func (t *tracer) place(rt *framework.Route) int {
	p := place{rt.Filter(), rt.Stage()}
	for i := range t.places {
		if t.places[i] == p {
			return i
		}
	}
	t.places = append(t.places, p)
	return len(t.places) - 1
}

// sessionTrace is what happened before the session's first message.
type sessionTrace struct{ early []visit }

// visit is a place where handlers ran.
type visit struct {
	place      int
	begin, end time.Time
	out        outcome
}

// outcome is what came of a handler.
type outcome struct {
	verdict  framework.Verdict
	err      error
	panicked bool
}

// early keeps what the handlers of a session do until there is a message.
func (t *tracer) early(place int, next framework.Handler) framework.Handler {
	return func(s *framework.Session, ev framework.Event) (v framework.Verdict, err error) {
		now := visit{place: place, begin: time.Now(), out: outcome{panicked: true}}
		defer func() {
			now.end = time.Now()
			kept := t.session.Get(s)
			if len(kept.early) < maxEarly {
				kept.early = append(kept.early, now)
			}
		}()
		v, err = next(s, ev)
		now.out = outcome{verdict: v, err: err}
		return v, err
	}
}

// maxEarly bounds what a session without messages, but with many a HELO, keeps.
const maxEarly = 64

// staged traces the handlers of a message's stage. The span is in their context:
// where the message is not sampled the root's, so that what they begin below it
// is not sampled either.
func (t *tracer) staged(place int, next framework.Handler) framework.Handler {
	return func(s *framework.Session, ev framework.Event) (v framework.Verdict, err error) {
		m, outer := t.message.Get(s), s.Context()
		if m.root.span == nil {
			t.begin(s, m)
		}
		if !m.recording {
			return s.CallWithContext(m.root.in(outer), next, ev)
		}
		st, begin, out := m.startAt(t, place, time.Time{}), time.Now(), outcome{panicked: true}
		defer func() { st.note(begin, time.Now(), out) }()
		v, err = s.CallWithContext(st.in(outer), next, ev)
		out = outcome{verdict: v, err: err}
		return v, err
	}
}
