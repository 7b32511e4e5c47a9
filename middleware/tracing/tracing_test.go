package tracing_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/internal/loop"
	"github.com/sluicemail/sluice/middleware/tracing"
)

const plain = "From: a@example.org\nTo: b@example.net\n\nhi\n"

// traced returns a provider and the exporter of its spans.
func traced(opts ...sdk.TracerProviderOption) (*sdk.TracerProvider, *tracetest.InMemoryExporter) {
	out := tracetest.NewInMemoryExporter()
	return sdk.NewTracerProvider(append(opts, sdk.WithSyncer(out))...), out
}

// byName returns the spans by their names, which must be unique.
func byName(t *testing.T, out *tracetest.InMemoryExporter) map[string]tracetest.SpanStub {
	t.Helper()
	all := make(map[string]tracetest.SpanStub)
	for _, span := range out.GetSpans() {
		require.NotContains(t, all, span.Name)
		all[span.Name] = span
	}
	return all
}

func attr(span tracetest.SpanStub, key string) string {
	for _, a := range span.Attributes {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return "(none)"
}

func judge(name string, verdict framework.Verdict, err error) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.ObserveHelo(func(*framework.Session, *framework.Helo) error { return nil })
		r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return verdict, errors.Join(add.Append(s, "X-A", "b"), err)
		})
		return nil
	})
}

func TestTrace(t *testing.T) {
	t.Parallel()
	provider, out := traced()
	r := framework.NewRouter()
	r.Use(tracing.Middleware(tracing.Config{TracerProvider: provider, ClientAddress: true}))
	r.ObserveRcpt(func(*framework.Session, *framework.Rcpt) error { return nil })
	r.WantBody()
	r.Mount(judge("first", framework.Continue, nil))
	r.Mount(judge("second", framework.MustReply(550, "5.7.1", "no"), nil))
	miltertest.RunRouter(t, r, miltertest.Message(plain, miltertest.QueueID("4F1"), miltertest.Client("192.0.2.7"),
		miltertest.To("b@example.net", "c@example.net"))).AssertRejected(t)

	spans := byName(t, out)
	require.Len(t, spans, 8)
	root := spans["milter message"]
	assert.False(t, root.Parent.IsValid())
	assert.Equal(t, trace.SpanKindServer, root.SpanKind)
	for key, want := range map[string]string{
		"milter.queue_id": "4F1", "milter.message.number": "1", "milter.verdict": "reply 550 5.7.1 no",
		"milter.filter": "second", "milter.stage": "end of message", "client.address": "192.0.2.7",
		"milter.modifications.addheader": "(none)", "milter.recipients": "2", "milter.body.size": "4",
	} {
		assert.Equal(t, want, attr(root, key), key)
	}
	assert.NotEqual(t, "(none)", attr(root, "milter.session.id"))
	// The second filter receives the field that the first added.
	for name, events := range map[string]string{
		"main rcpt": "2", "first helo": "1", "second helo": "1", "first header": "2", "second header": "3",
		"first end of message": "1", "second end of message": "1",
	} {
		span := spans[name]
		assert.Equal(t, root.SpanContext.TraceID(), span.SpanContext.TraceID(), name)
		assert.Equal(t, root.SpanContext.SpanID(), span.Parent.SpanID(), name)
		assert.Equal(t, events, attr(span, "milter.events"), name)
		assert.False(t, span.StartTime.Before(root.StartTime), name)
		assert.False(t, span.EndTime.After(root.EndTime), name)
		assert.False(t, span.EndTime.Before(span.StartTime), name)
		assert.Equal(t, codes.Unset, span.Status.Code, "a refusal is no error")
	}
	assert.Equal(t, "reply 550 5.7.1 no", attr(spans["second end of message"], "milter.verdict"))
}

// Errors and panics are recorded, for every order of Recover and tracing.
func TestTraceOfFailures(t *testing.T) {
	t.Parallel()
	recovering := middleware.Recover()
	for name, c := range map[string]struct {
		around, inside []framework.Middleware
		kind, message  string
	}{
		"panic":           {nil, nil, "panic", "the handler panicked"},
		"Recover outside": {[]framework.Middleware{recovering}, nil, "panic", "the handler panicked"},
		"Recover inside":  {nil, []framework.Middleware{recovering}, "error", "middleware: recovered from panic: b\\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider, out := traced()
			r := framework.NewRouter()
			r.Use(c.around...)
			r.Use(tracing.Middleware(tracing.Config{TracerProvider: provider}))
			r.Use(c.inside...)
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { panic("b\xff") })
			miltertest.RunRouter(t, r, miltertest.Message(plain)).AssertTempFailed(t)
			spans := byName(t, out)
			span := spans["main mail"]
			assert.Equal(t, sdk.Status{Code: codes.Error, Description: c.message}, span.Status)
			assert.Equal(t, c.kind, attr(span, "error.type"))
			require.Len(t, span.Events, 1)
			assert.Equal(t, "exception", span.Events[0].Name)
			assert.Equal(t, "reply 451 4.3.0 mail filter failed, try again later", attr(spans["milter message"], "milter.verdict"))
		})
	}
}

// Each message of a session has a separate trace. The first also has the spans
// of the session. The trace of an aborted message ends, too.
func TestTracesOfASession(t *testing.T) {
	t.Parallel()
	provider, out := traced()
	r := framework.NewRouter()
	r.Use(tracing.Middleware(tracing.Config{TracerProvider: provider}))
	r.ObserveConnect(func(*framework.Session, *framework.Connect) error { return nil })
	r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
	r.ObserveClose(func(*framework.Session, *framework.Close) error { return nil })
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	conn.Run(t, miltertest.Message(plain)).AssertAccepted(t)
	_, err := conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Abort())
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)

	spans := out.GetSpans()
	var names []string
	for _, span := range spans {
		names = append(names, span.Name)
	}
	require.Equal(t, []string{"main connect", "main mail", "milter message", "main mail", "milter message"}, names)
	first, second := spans[2], spans[4]
	assert.NotEqual(t, first.SpanContext.TraceID(), second.SpanContext.TraceID())
	assert.Equal(t, first.SpanContext.TraceID(), spans[0].SpanContext.TraceID())
	assert.Equal(t, spans[0].StartTime, first.StartTime)
	assert.Equal(t, second.SpanContext.TraceID(), spans[3].SpanContext.TraceID())
	assert.Equal(t, "aborted", attr(second, "milter.verdict"))
	assert.Equal(t, "2", attr(second, "milter.message.number"))
	assert.Equal(t, attr(first, "milter.session.id"), attr(second, "milter.session.id"))
}

// Spans that a handler starts are below the span of its stage, whatever other
// values the context has, and an ended context is not reused.
func TestContext(t *testing.T) {
	t.Parallel()
	provider, out := traced()
	begin := func(s *framework.Session, name string) {
		_, span := provider.Tracer("test").Start(s.Context(), name)
		span.End()
	}
	r := framework.NewRouter()
	r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
		assert.False(t, trace.SpanContextFromContext(s.Context()).IsValid(), "it is not wrapped")
		return nil
	})
	r.Group(func(r *framework.Router) {
		r.Use(puts("outer"), tracing.Middleware(tracing.Config{TracerProvider: provider}), puts("inner"))
		r.ObserveRcpt(func(s *framework.Session, e *framework.Rcpt) error {
			s.SetContextValue(key("set"), true)
			for _, name := range []string{"outer", "inner", "set"} {
				assert.Equal(t, true, s.Context().Value(key(name)), name)
			}
			begin(s, "lookup "+e.Recipient())
			return nil
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			begin(s, "lookup at the end")
			return framework.Continue, nil
		})
	})
	miltertest.RunRouter(t, r, miltertest.Message(plain, miltertest.To("b@x", "c@x"))).AssertAccepted(t)
	spans := byName(t, out)
	for name, parent := range map[string]string{"lookup b@x": "main rcpt", "lookup c@x": "main rcpt", "lookup at the end": "main end of message"} {
		assert.Equal(t, spans[parent].SpanContext.SpanID(), spans[name].Parent.SpanID(), name)
		assert.Equal(t, spans["milter message"].SpanContext.TraceID(), spans[name].SpanContext.TraceID(), name)
	}
}

type key string

// puts returns middleware that adds a value to the context of each handler.
func puts(name string) framework.Middleware {
	return func(_ *framework.Route, next framework.Handler) framework.Handler {
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			return s.CallWithContext(context.WithValue(s.Context(), key(name), true), next, ev)
		}
	}
}

// After a handler that exceeded its deadline, the next filter's handler has a
// context that has not ended, in the same trace.
func TestContextAfterADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		provider, _ := traced()
		traces := make(map[trace.TraceID]int)
		r := framework.NewRouter()
		r.Use(tracing.Middleware(tracing.Config{TracerProvider: provider}))
		for _, name := range []string{"late", "next"} {
			r.Mount(miltertest.FilterFunc(name, func(r *framework.Router) error {
				r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
					require.NoError(t, s.Context().Err())
					traces[trace.SpanContextFromContext(s.Context()).TraceID()]++
					if name == "late" {
						<-s.Context().Done()
					}
					return framework.Continue, nil
				})
				return nil
			}))
		}
		miltertest.RunRouter(t, r, miltertest.Message(plain)).AssertAccepted(t)
		require.Len(t, traces, 1)
		for _, n := range traces {
			assert.Equal(t, 2, n)
		}
	})
}

// If a message is not sampled, spans of its handlers are not sampled either.
func TestContextUnsampled(t *testing.T) {
	t.Parallel()
	out := tracetest.NewInMemoryExporter()
	mine := sdk.NewTracerProvider(sdk.WithSyncer(out), sdk.WithSampler(sdk.NeverSample()))
	theirs := sdk.NewTracerProvider(sdk.WithSyncer(out), sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample())))
	r := framework.NewRouter()
	r.Use(tracing.Middleware(tracing.Config{TracerProvider: mine}))
	r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
		_, span := theirs.Tracer("test").Start(s.Context(), "lookup")
		assert.False(t, span.IsRecording())
		span.End()
		return framework.Continue, nil
	})
	miltertest.RunRouter(t, r, miltertest.Message(plain)).AssertAccepted(t)
	assert.Empty(t, out.GetSpans())
}

// One middleware on two routers traces the messages of both.
func TestTwoRouters(t *testing.T) {
	t.Parallel()
	provider, out := traced()
	mw := tracing.Middleware(tracing.Config{TracerProvider: provider})
	for range 2 {
		r := framework.NewRouter()
		r.Use(mw)
		r.Mount(judge("judge", framework.Continue, nil))
		miltertest.RunRouter(t, r, miltertest.Message(plain)).AssertAccepted(t)
	}
	for _, span := range out.GetSpans() {
		if span.Name == "milter message" {
			assert.Equal(t, "1", attr(span, "milter.modifications.addheader"))
		}
	}
	assert.Len(t, out.GetSpans(), 2*4)
}

func TestHostileValues(t *testing.T) {
	t.Parallel()
	provider, out := traced()
	r := framework.NewRouter()
	r.Use(tracing.Middleware(tracing.Config{TracerProvider: provider}))
	r.ObserveMail(func(_ *framework.Session, e *framework.Mail) error { return errors.New("no: " + e.Sender()) })
	miltertest.RunRouter(t, r, miltertest.Message(plain, miltertest.QueueID("\xff\r\n"), miltertest.From("a\xff\x1b@x")))
	spans := byName(t, out)
	assert.Equal(t, `\xff\r\n`, attr(spans["milter message"], "milter.queue_id"))
	assert.Equal(t, `no: a\xff\x1b@x`, spans["main mail"].Status.Description)
}

// The plan gets the queue ID at the end of the message and, with ClientAddress,
// a macro at Connect.
func TestPlan(t *testing.T) {
	t.Parallel()
	provider, _ := traced()
	for client, golden := range map[bool]string{false: "plan", true: "plan-client"} {
		r := framework.NewRouter()
		r.Use(tracing.Middleware(tracing.Config{TracerProvider: provider, ClientAddress: client}))
		r.Mount(judge("judge", framework.Continue, nil))
		plan, err := r.Plan()
		require.NoError(t, err)
		compare(t, golden, plan.String())
	}
}

func turning(t testing.TB, fields int, mws ...framework.Middleware) *loop.Loop {
	t.Helper()
	r := framework.NewRouter()
	r.Use(mws...)
	r.Mount(judge("judge", framework.Continue, nil))
	l, err := loop.New(r, fields, 1)
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

//nolint:paralleltest // memory is counted for the whole process
func TestAllocs(t *testing.T) {
	never, _ := traced(sdk.WithSampler(sdk.NeverSample()))
	always := sdk.NewTracerProvider()
	allocs := func(fields int, provider trace.TracerProvider) float64 {
		mw := tracing.Middleware(tracing.Config{TracerProvider: provider})
		return testing.AllocsPerRun(100, turning(t, fields, mw).Message)
	}
	assert.LessOrEqual(t, allocs(100, nil), poolLosses(), "no provider, no cost")
	assert.InDelta(t, allocs(1, never), allocs(100, never), poolLosses(), "an event costs none")
	assert.InDelta(t, allocs(1, always), allocs(100, always), poolLosses(), "an event costs none")
	assert.LessOrEqual(t, allocs(1, never), 11+poolLosses(), "a root span, and a context that holds it")
}

func BenchmarkTracing(b *testing.B) {
	never, _ := traced(sdk.WithSampler(sdk.NeverSample()))
	for name, provider := range map[string]trace.TracerProvider{"without": nil, "unsampled": never, "sampled": sdk.NewTracerProvider()} {
		b.Run(name, func(b *testing.B) {
			const events = 1000
			l := turning(b, events-1, tracing.Middleware(tracing.Config{TracerProvider: provider}))
			b.ReportAllocs()
			for b.Loop() {
				l.Message()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}
