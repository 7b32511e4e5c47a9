package middleware_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/metrics"
	"github.com/sluicemail/sluice/middleware/tracing"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// wholeShelf is all middleware at once, with its log, spans and metrics.
type wholeShelf struct {
	log      *testproc.Buffer
	spans    *tracetest.InMemoryExporter
	registry *prometheus.Registry
}

func (w *wholeShelf) middleware(t *testing.T, places int) []framework.Middleware {
	t.Helper()
	w.spans, w.registry = tracetest.NewInMemoryExporter(), prometheus.NewRegistry()
	m, err := metrics.New(metrics.Config{Registerer: w.registry})
	require.NoError(t, err)
	rate := middleware.Rate{Events: 1e6, Per: time.Second}
	return []framework.Middleware{
		middleware.Macros(middleware.MacrosConfig{Names: names()}),
		middleware.Logger(middleware.LoggerConfig{
			Logger: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Content: true,
			Fields: []middleware.LogField{middleware.LogClient, middleware.LogHelo, middleware.LogSender, middleware.LogAuth, middleware.LogTLS},
		}),
		tracing.Middleware(tracing.Config{TracerProvider: sdk.NewTracerProvider(sdk.WithSyncer(w.spans)), ClientAddress: true}),
		m.Middleware,
		middleware.Recover(),
		middleware.Timeout(middleware.TimeoutConfig{Event: time.Minute}),
		middleware.When(middleware.Not(middleware.SenderIn("trusted.example"))),
		middleware.Sample(1, middleware.ByQueueID()),
		middleware.RateLimit(middleware.RateLimitConfig{Rate: rate, By: middleware.BySender()}),
		middleware.RateLimit(middleware.RateLimitConfig{Rate: rate, By: middleware.ByAuthUser()}),
		middleware.MaxMessages(middleware.ThrottleConfig{Max: places}),
		middleware.OnlyStages(middleware.Throttle(middleware.ThrottleConfig{Max: places}), framework.StageEndOfMessage),
		middleware.NormalizeHeaders(middleware.NormalizeConfig{}),
	}
}

// bombHeader returns 10,000 fields: encoded ones, one of nearly a mebibyte, one
// with 5,000 encoded words, one with invalid UTF-8, and one with unknown
// charsets.
func bombHeader() []mta.Field {
	fields := []mta.Field{
		{Name: "x-large", Value: strings.Repeat("0123456789abcde ", (1<<20-64)/16)},
		{Name: "x-words", Value: strings.Repeat("=?utf-8?q?=C3=BC?= ", 5000)},
		{Name: "x-folds", Value: strings.Repeat("a\n ", 20_000)},
		{Name: "x-no-text", Value: "\xff\xfe\x80 \x1b[2J\u202e"},
		{Name: "x-charset", Value: "=?klingon?q?qapla?= =?utf-8?b?//4=?= =?iso-8859-1?q?=0D=0AForged:_yes?="},
		{Name: "x-\xff\x1b", Value: "a name that is none"},
	}
	for i := len(fields); i < 10_000; i++ {
		fields = append(fields, mta.Field{Name: fmt.Sprint("x-", i), Value: fmt.Sprintf("=?utf-8?q?=C3=BC_%d?=", i)})
	}
	return fields
}

// bombMessage returns a message with macros and an envelope of the same kind.
func bombMessage() *mta.Message {
	const evil = "x\r\nlevel=ERROR msg=forged \x1b[2J\u202e\xff{i}%s"
	opts := []miltertest.MessageOption{
		miltertest.From("a\xff\x1b[2J"+strings.Repeat("y", 2000)+"@example.org", "SIZE=\x1b"), miltertest.Helo(evil), miltertest.QueueID(evil),
	}
	hostile := known()
	for name := range hostile {
		if name != middleware.MacroRcptMailer && name != middleware.MacroMTAVersion {
			hostile[name] = evil + strings.Repeat("z", 1500)
		}
	}
	msg := miltertest.Message("\nhi\n", append(opts, withMacros(hostile)...)...)
	msg.Header = bombHeader()
	return msg
}

// For hostile mail and macros, memory is bounded, each log line is
// one line, and the filter gets the bytes of the mail.
//
//nolint:paralleltest // memory is counted for the whole process
func TestShelfUnderHostileMail(t *testing.T) {
	w := wholeShelf{log: new(testproc.Buffer)}
	var seen []mta.Field
	var decoded int
	r := framework.NewRouter()
	r.Use(w.middleware(t, 4)...)
	add := r.GrantAddHeader()
	everyStage(r, false)
	r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error {
		seen = append(seen, mta.Field{Name: h.RawName(), Value: h.Raw()})
		decoded += len(h.Name()) + len(h.Value())
		assert.True(t, utf8.ValidString(h.Value()))
		assert.False(t, strings.ContainsAny(h.Value(), "\r\n\x00"))
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Seen", fmt.Sprint(len(seen)))
	})
	srv := miltertest.NewRouterServer(t, r, miltertest.As(miltertest.Postfix().Offering(wire.ProtoMDS1M)),
		miltertest.Configure(func(c *framework.Config) { c.MaxPacket = wire.Limit1M }))
	msg := bombMessage()

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	conn := srv.Dial(t)
	conn.Run(t, msg).AssertAccepted(t)
	runtime.ReadMemStats(&after)
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)

	assert.Equal(t, msg.Header, seen, "byte by byte, and all of it")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(256<<20), "the model of an MTA, and 20,000 lines of log, included")
	assert.Less(t, decoded, 4<<20)
	checkHostileLog(t, w.log)
	assert.Less(t, len(w.spans.GetSpans()), 20, "a span for a stage, not for a field")
	series, err := testutil.GatherAndCount(w.registry)
	require.NoError(t, err)
	assert.Less(t, series, 60)
}

// checkHostileLog asserts that each event has a line, that each line is short,
// and that none has a character that controls a terminal.
func checkHostileLog(t *testing.T, log *testproc.Buffer) {
	t.Helper()
	headers := 0
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
		require.NotEqual(t, "forged", fields["msg"])
		require.Less(t, len(line), 6000)
		require.False(t, strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool {
			return r == utf8.RuneError || unicode.Is(unicode.C, r)
		}), line)
		if fields["msg"] == "header" {
			headers++
		}
	}
	assert.Equal(t, 2*10_000, headers, "of two handlers")
}
