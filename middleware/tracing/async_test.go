package tracing_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware/tracing"
)

// A function beside the session has a span below the span of the stage that started it, in
// the trace of the message, and spans that it starts are below its own.
func TestAsync(t *testing.T) {
	t.Parallel()
	provider, out := traced()
	start := func(name string, stage func(r *framework.Router, start func(*framework.Session) error), err error) framework.Filter {
		return miltertest.FilterFunc(name, func(r *framework.Router) error {
			value := framework.AsyncPerConnection[int](r)
			stage(r, func(s *framework.Session) error {
				return value.Start(s, func(ctx context.Context) (int, error) {
					_, span := provider.Tracer("test").Start(ctx, name+" lookup")
					defer span.End()
					return 0, err
				})
			})
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				_, _ = value.Wait(s)
				return framework.Continue, nil
			})
			return nil
		})
	}
	atMail := func(r *framework.Router, start func(*framework.Session) error) {
		r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error { return start(s) })
	}
	r := framework.NewRouter()
	r.Group(func(r *framework.Router) {
		r.Use(tracing.Middleware(tracing.Config{TracerProvider: provider}))
		r.Mount(start("good", func(r *framework.Router, start func(*framework.Session) error) {
			r.BeforeEndOfMessage(start)
		}, nil))
		r.Mount(start("bad", atMail, errors.New("no\xff")))
		r.Mount(start("early", func(r *framework.Router, start func(*framework.Session) error) {
			r.ObserveHelo(func(s *framework.Session, _ *framework.Helo) error { return start(s) })
		}, nil))
	})
	r.Group(func(r *framework.Router) {
		r.Use(tracing.Middleware(tracing.Config{})) // without a provider
		r.Mount(start("untraced", atMail, nil))
	})
	miltertest.RunRouter(t, r, miltertest.Message(plain)).AssertAccepted(t)

	spans := byName(t, out)
	require.Contains(t, spans, "milter message")
	for name, parent := range map[string]string{
		"good async": "good end of message", "bad async": "bad mail",
		"good lookup": "good async", "bad lookup": "bad async",
	} {
		require.Contains(t, spans, name)
		assert.Equal(t, spans[parent].SpanContext.SpanID(), spans[name].Parent.SpanID(), name)
		assert.Equal(t, spans["milter message"].SpanContext.TraceID(), spans[name].SpanContext.TraceID(), name)
	}
	assert.NotContains(t, spans, "early async")
	assert.NotContains(t, spans, "untraced async")
	assert.Equal(t, "good", attr(spans["good async"], "milter.filter"))
	assert.Regexp(t, `^tracing/async_test\.go:\d+$`, attr(spans["good async"], "milter.async"))
	assert.Equal(t, codes.Unset, spans["good async"].Status.Code)
	assert.Equal(t, codes.Error, spans["bad async"].Status.Code)
	assert.Equal(t, "no\\xff", spans["bad async"].Status.Description)
	assert.Equal(t, "error", attr(spans["bad async"], "error.type"))
}
