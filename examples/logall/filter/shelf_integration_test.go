//go:build integration

package filter_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/sluicemail/sluice/examples/logall/filter"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/metrics"
	"github.com/sluicemail/sluice/middleware/tracing"
)

// shelf returns a router with every middleware of the repository. It has
// logall, a filter that decides by the subject, and a filter in dry-run mode
// that would refuse everything.
func shelf(log *slog.Logger, traces *sdk.TracerProvider, m *metrics.Metrics) *framework.Router {
	r := framework.NewRouter()
	r.Use(
		middleware.Macros(middleware.MacrosConfig{Names: []middleware.MacroName{middleware.MacroQueueID, middleware.MacroClientAddr}}),
		middleware.Logger(middleware.LoggerConfig{Logger: log}),
		tracing.Middleware(tracing.Config{TracerProvider: traces, ClientAddress: true}),
		m.Middleware,
		middleware.Recover(),
		middleware.Timeout(middleware.TimeoutConfig{Event: 10 * time.Second, Message: time.Minute}),
		middleware.RateLimit(middleware.RateLimitConfig{Rate: middleware.Rate{Events: 100, Per: time.Second}, By: middleware.BySender()}),
		middleware.MaxMessages(middleware.ThrottleConfig{Max: 10}),
		middleware.OnlyStages(middleware.Throttle(middleware.ThrottleConfig{Max: 4, Queue: 100}), framework.StageEndOfMessage),
		middleware.NormalizeHeaders(middleware.NormalizeConfig{}),
		middleware.ApplyWhen(middleware.Authenticated(), refuses),
	)
	r.Mount(filter.Filter{Limit: 200})
	r.Mount(miltertest.FilterFunc("judge", judge))
	r.With(middleware.When(middleware.ClientIn("127.0.0.0/8")), middleware.Sample(1, middleware.BySender()), middleware.DryRun()).
		Mount(miltertest.FilterFunc("trial", func(r *framework.Router) error {
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Reject, nil })
			return nil
		}))
	return r
}

// refuses is middleware for clients that log in. The test has no such clients.
func refuses(_ *framework.Route, _ framework.Handler) framework.Handler {
	return func(*framework.Session, framework.Event) (framework.Verdict, error) { return framework.Reject, nil }
}

// lookUp does what a database client does: it starts a span below the span in
// the context.
func lookUp(ctx context.Context) {
	_, span := trace.SpanFromContext(ctx).TracerProvider().Tracer("database").Start(ctx, "lookup")
	span.End()
}

func judge(r *framework.Router) error {
	add, subject := r.GrantAddHeader(), framework.PerMessage[string](r)
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		if h.Name() == "Subject" {
			*subject.Get(s) = h.Value()
		}
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		lookUp(s.Context())
		switch *subject.Get(s) {
		case "grüße, spam":
			return framework.Reply(550, "5.7.1", "no spam")
		case "boom":
			panic("boom")
		}
		return framework.Continue, add.Append(s, "X-Judged", middleware.MacrosOf(s).ClientAddr().String())
	})
	return nil
}

// TestShelfOnPostfix runs all middleware at once on mail from a real server, and
// checks what the middleware report about it.
func TestShelfOnPostfix(t *testing.T) {
	t.Parallel()
	book, exporter, registry := new(testproc.Log), tracetest.NewInMemoryExporter(), prometheus.NewRegistry()
	log := slog.New(slog.NewJSONHandler(book, nil))
	m, err := metrics.New(metrics.Config{Registerer: registry})
	require.NoError(t, err)
	srv, err := framework.NewServer(shelf(log, sdk.NewTracerProvider(sdk.WithSyncer(exporter)), m), framework.Config{Logger: log})
	require.NoError(t, err)
	require.NoError(t, m.Watch(srv.Stats))
	probes := httptest.NewServer(metrics.Handler(registry, func() bool { return true }))
	t.Cleanup(probes.Close)

	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	ln := mta.Listen(t, "unix")
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	mta.SetFilters(t, ln.Addr())

	c := realmta.DialSMTP(t, mta.Addr())
	code, text := c.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
	for _, step := range []struct {
		subject string
		code    int
	}{{"=?utf-8?q?gr=C3=BC=C3=9Fe?=", 250}, {"=?utf-8?q?gr=C3=BC=C3=9Fe=2C?=\r\n =?iso-8859-1?q?_spam?=", 550}, {"boom", 451}} {
		code, text := c.Deliver(realmta.Message{
			From: "ann@example.org", To: []string{"bob@example.test", "eve@example.test"},
			Data: []byte("From: ann@example.org\r\nsubject: " + step.subject + "\r\n\r\nhello\r\n"),
		})
		require.Equal(t, step.code, code, text)
	}
	code, _ = c.Cmd("QUIT")
	assert.Equal(t, 221, code)
	got := mta.Sink().Wait(t, 1)[0]
	assert.Contains(t, string(got.Data), "X-Judged: 127.0.0.1\r\n")
	assert.Contains(t, string(got.Data), "subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n", "nothing else is changed")
	require.Eventually(t, func() bool { return srv.Stats().Connections == 0 }, time.Minute, 20*time.Millisecond)

	require.Empty(t, book.Junk())
	checkShelfLog(t, book)
	checkTraces(t, exporter.GetSpans(), book)
	checkScrape(t, probes.URL)

	require.NoError(t, srv.Close())
	assert.ErrorIs(t, <-served, framework.ErrServerClosed)
}

func checkShelfLog(t *testing.T, book *testproc.Log) {
	t.Helper()
	lines := book.Lines(testproc.Message("message"))
	require.Len(t, lines, 3)
	for i, want := range []string{"continue", "reply 550 5.7.1 no spam", "reply 451 4.3.0 mail filter failed, try again later"} {
		line := lines[i]
		assert.Equal(t, want, line["verdict"])
		assert.InDelta(t, i+1, line["message"], 0)
		assert.Equal(t, "127.0.0.1", line["client"])
		assert.Equal(t, "client.example.test", line["helo"])
		assert.Equal(t, "ann@example.org", line["sender"])
		assert.InDelta(t, 2, line["recipients"], 0)
		assert.InDelta(t, len("hello\r\n"), line["size"], 0)
		assert.NotEmpty(t, line["queue_id"])
		assert.Contains(t, line, "took_end_of_message")
		assert.Equal(t, lines[0]["session"], line["session"])
	}
	assert.Equal(t, map[string]any{"addheader": 1.0}, lines[0]["modifications"])
	assert.Equal(t, "judge", lines[1]["filter"])
	assert.Equal(t, "judge", lines[2]["filter"])
	assert.Len(t, book.Lines(testproc.Message("dry run: verdict")), 3)
	assert.Len(t, book.Lines(testproc.Message("handler panicked")), 1)
	assert.Len(t, book.Lines(testproc.Message("end of message")), 3, "logall, once for each message")
	header := book.Lines(testproc.Message("header"))
	require.NotEmpty(t, header)
	assert.True(t, slices.ContainsFunc(header, func(l testproc.Line) bool { return l["name"] == "subject" }), "as it is in the mail")
}

func checkTraces(t *testing.T, spans tracetest.SpanStubs, book *testproc.Log) {
	t.Helper()
	var queues []string
	perTrace, names := make(map[trace.TraceID]int), make(map[trace.SpanID]string)
	for _, span := range spans {
		perTrace[span.SpanContext.TraceID()]++
		names[span.SpanContext.SpanID()] = span.Name
		if span.Name != "milter message" {
			continue
		}
		for _, a := range span.Attributes {
			switch a.Key {
			case "milter.queue_id":
				queues = append(queues, a.Value.AsString())
			case "client.address":
				assert.Equal(t, "127.0.0.1", a.Value.AsString())
			}
		}
	}
	assert.Len(t, perTrace, 3, "a trace for each message")
	var logged []string
	for _, line := range book.Lines(testproc.Message("message")) {
		logged = append(logged, fmt.Sprint(line["queue_id"]))
	}
	assert.Equal(t, logged, queues)
	for _, span := range spans {
		if span.Name == "lookup" {
			assert.Equal(t, "judge end of message", names[span.Parent.SpanID()])
		}
	}
	for _, name := range []string{"lookup", "logall connect", "logall mail", "logall header", "judge header", "judge end of message", "trial mail"} {
		assert.True(t, slices.ContainsFunc(spans, func(s tracetest.SpanStub) bool { return s.Name == name }), name)
	}
}

func checkScrape(t *testing.T, url string) {
	t.Helper()
	get := func(path string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { assert.NoError(t, res.Body.Close()) }()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return string(body)
	}
	scraped := get("/metrics")
	for _, want := range []string{
		`sluice_messages_total{filter="",verdict="continue"} 1`,
		`sluice_messages_total{filter="judge",verdict="reply_5xx"} 1`,
		`sluice_messages_total{filter="judge",verdict="reply_4xx"} 1`,
		`sluice_handler_errors_total{filter="judge",kind="panic",stage="end_of_message"} 1`,
		`sluice_handler_duration_seconds_count{filter="judge",stage="end_of_message"} 3`,
		`sluice_modifications_total{kind="addheader"} 1`,
		`sluice_recipients_total 6`,
		`sluice_body_bytes_total 21`,
		`sluice_messages_begun_total 3`,
		`sluice_connections_open 0`,
	} {
		assert.Contains(t, scraped, want+"\n")
	}
	assert.Equal(t, "ok\n", get("/readyz"))
	assert.Equal(t, "ok\n", get("/healthz"))
}
