package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

// textLog returns a logger and a function that returns its lines, without the
// time and with placeholders for values that differ from run to run.
func textLog(level slog.Level) (*slog.Logger, func() string) {
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	varies := regexp.MustCompile(`(session|took\w*)=\S+`)
	return log, func() string { return varies.ReplaceAllString(b.String(), "$1=~") }
}

// judge is a filter with handlers for all stages. It adds a field and gives its
// verdict at the end of the message.
func judge(verdict framework.Verdict, err error) framework.Filter {
	return miltertest.FilterFunc("judge", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.ObserveHelo(func(*framework.Session, *framework.Helo) error { return nil })
		r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
		r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return framework.Continue, nil })
		r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
		r.ObserveBody(func(*framework.Session, *framework.Body) error { return nil })
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return verdict, errors.Join(add.Append(s, "X-A", "b"), err)
		})
		return nil
	})
}

func sample() []miltertest.MessageOption {
	return []miltertest.MessageOption{
		miltertest.From("ann@example.org", "SIZE=10"), miltertest.To("bob@example.net", "eve@example.net"),
		miltertest.Client("192.0.2.7"), miltertest.ClientName("mx.example.org"), miltertest.Helo("mx\x1b[31m"), miltertest.QueueID("4F1"),
	}
}

func TestLoggerOfMessages(t *testing.T) {
	t.Parallel()
	const head = `level=INFO msg=message session=~ message=1 queue_id=4F1 client=192.0.2.7 client_name=mx.example.org sender=ann@example.org helo=mx\x1b[31m recipients=2 size=4 `
	const took = "took_helo=~ took_mail=~ took_rcpt=~ took_header=~ took_body=~ took_end_of_message=~\n"
	for name, c := range map[string]struct {
		verdict framework.Verdict
		err     error
		want    string
	}{
		"taken":    {framework.Continue, nil, `verdict=continue stage="end of message" modifications.addheader=1 `},
		"accepted": {framework.Accept, nil, `verdict=accept stage="end of message" modifications.addheader=1 `},
		"refused":  {framework.MustReply(550, "5.7.1", `no \o/`), nil, `verdict="reply 550 5.7.1 no \\\\o/" filter=judge stage="end of message" `},
		"failed":   {framework.Continue, io.ErrUnexpectedEOF, `verdict="reply 451 4.3.0 mail filter failed, try again later" filter=judge stage="end of message" `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, lines := textLog(slog.LevelInfo)
			r := framework.NewRouter()
			r.Use(middleware.Logger(middleware.LoggerConfig{Logger: log}))
			r.Mount(judge(c.verdict, c.err))
			miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n", sample()...))
			assert.Equal(t, head+c.want+took, lines())
		})
	}
}

// A message that is refused early or aborted has a line, too. The numbers of
// the messages continue.
func TestLoggerOfASession(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelInfo)
	r := framework.NewRouter()
	r.Use(middleware.Logger(middleware.LoggerConfig{Logger: log, Fields: []middleware.LogField{middleware.LogSender, middleware.LogRecipients}}))
	r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
	r.OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) { return framework.TempFail, nil })
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	conn.Run(t, miltertest.Message("A: b\n\nhi\n", miltertest.From("ann@example.org"), miltertest.To("bob@example.net")))
	_, err := conn.Mail(t.Context(), "<>")
	require.NoError(t, err)
	require.NoError(t, conn.Abort())
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)
	assert.Equal(t, `level=INFO msg=message session=~ message=1 queue_id=4ZsluiceZ1 sender=ann@example.org recipients=1 verdict=tempfail filter=main stage=data
level=INFO msg=message session=~ message=2 verdict=aborted
`, lines())
}

// A message has one line, whatever the number of filters.
func TestLoggerOverLanes(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelDebug)
	r := framework.NewRouter()
	r.Use(middleware.Logger(middleware.LoggerConfig{Logger: log, Fields: []middleware.LogField{}}), middleware.NormalizeHeaders(middleware.NormalizeConfig{}))
	r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
	r.Mount(judge(framework.Continue, nil))
	res := miltertest.RunRouter(t, r, miltertest.Message("x-a: =?utf-8?q?a?=\n\nhi\n", sample()...))
	res.AssertAccepted(t)
	assert.Equal(t, 1, strings.Count(lines(), "msg=message"))
	assert.Contains(t, lines(), "filter=main name=x-a bytes=")
	assert.Contains(t, lines(), "filter=judge name=x-a bytes=")
}

// The line has the fields of the client without a handler of Connect.
func TestLoggerOfAHeaderFilter(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelInfo)
	r := framework.NewRouter()
	r.Use(middleware.Logger(middleware.LoggerConfig{Logger: log}))
	r.OnEndOfMessage(goesOn)
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\n", sample()...)).AssertAccepted(t)
	assert.Contains(t, lines(), `queue_id=4F1 client=192.0.2.7 client_name=mx.example.org sender=ann@example.org helo=mx\x1b[31m recipients=2 verdict=continue`)
}

// The line has recipients=0 and size=0 if filters received these stages.
func TestLoggerCountsNothing(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelInfo)
	r := framework.NewRouter()
	r.Use(middleware.Logger(middleware.LoggerConfig{Logger: log, Fields: []middleware.LogField{middleware.LogRecipients, middleware.LogSize}}))
	r.OnRcpt(says[*framework.Rcpt](framework.Reject))
	r.OnBody(goesOn)
	srv := miltertest.NewRouterServer(t, r)
	srv.Dial(t).Run(t, miltertest.Message("A: b\n\n", sample()...))
	srv.Close(t)
	assert.Contains(t, lines(), "recipients=0 verdict=aborted")
	assert.NotContains(t, lines(), "size=")

	log, lines = textLog(slog.LevelInfo)
	r = framework.NewRouter()
	r.Use(middleware.Logger(middleware.LoggerConfig{Logger: log, Fields: []middleware.LogField{middleware.LogRecipients, middleware.LogSize}}))
	r.OnBody(goesOn)
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\n", sample()...)).AssertAccepted(t)
	assert.Contains(t, lines(), "recipients=2 size=0 verdict=continue")
}

// No key has an empty value, and no line has a key twice, also together with
// Macros.
func TestLoggerKeys(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(
		middleware.Macros(middleware.MacrosConfig{Names: []middleware.MacroName{middleware.MacroQueueID, middleware.MacroClientName}}),
		middleware.Logger(middleware.LoggerConfig{Content: true}),
		middleware.Recover(),
	)
	r.ObserveConnect(func(*framework.Session, *framework.Connect) error { return nil })
	r.Mount(judge(framework.Continue, nil))
	r.Mount(miltertest.FilterFunc("late", func(r *framework.Router) error {
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) { panic("late") })
		return nil
	}))
	var b bytes.Buffer
	miltertest.RunRouter(t, r, miltertest.Message("A:\n\nhi\n", append(sample(), miltertest.From(""))...),
		miltertest.Configure(func(c *framework.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}))
	for _, msg := range []string{"connect", "header", "message", `"handler panicked"`} {
		assert.Contains(t, b.String(), "msg="+msg+" ")
	}
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, `msg="handler failed"`) {
			continue // the framework's
		}
		assert.NotContains(t, line, `=""`)
		seen := map[string]bool{}
		for _, key := range regexp.MustCompile(`(?:^| )([\w.]+)=`).FindAllStringSubmatch(line, -1) {
			assert.False(t, seen[key[1]], "%s twice in %s", key[1], line)
			seen[key[1]] = true
		}
		if strings.Contains(line, "stage=\"end of message\"") {
			assert.True(t, seen["queue_id"], line)
		}
	}
}

func TestLoggerMistakes(t *testing.T) {
	t.Parallel()
	mistakes(t, middleware.Logger(middleware.LoggerConfig{Limit: -1}), "Logger: Limit is -1, and must not be negative")
	mistakes(t, middleware.Logger(middleware.LoggerConfig{Fields: []middleware.LogField{99}}), "Logger: unknown field 99")
}

// One Logger may be used on several routers.
func TestLoggerOnTwoRouters(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelInfo)
	logger := middleware.Logger(middleware.LoggerConfig{Logger: log})
	for range 2 {
		r := framework.NewRouter()
		r.Use(logger)
		r.Mount(judge(framework.Continue, nil))
		miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nhi\n", sample()...)).AssertAccepted(t)
	}
	assert.Equal(t, 2, strings.Count(lines(), "msg=message session=~ message=1 queue_id=4F1 client=192.0.2.7"))
}

func TestLoggerOfEvents(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelDebug)
	r := framework.NewRouter()
	r.Use(middleware.Logger(middleware.LoggerConfig{
		Logger: log, NoMessages: true, Content: true, Limit: 12,
		Macros: map[framework.Stage][]string{framework.StageMail: {"{mail_addr}", "nothing"}},
	}))
	r.ObserveConnect(func(*framework.Session, *framework.Connect) error { return nil })
	r.Mount(judge(framework.Reject, nil))
	r.ObserveRejectedRcpt(func(*framework.Session, *framework.RejectedRcpt) error { return errors.New("bo\nom") })
	r.OnUnknown(func(*framework.Session, *framework.Unknown) (framework.Verdict, error) {
		return framework.Continue, nil
	})
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	conn.Run(t, miltertest.Message("X-Long: \xff"+strings.Repeat("ä", 50)+"\n\nhi\n",
		append(sample(), miltertest.ToRefused("nobody@example.net", "550 5.1.1 no"))...)).AssertTempFailed(t)
	_, err := conn.Unknown(t.Context(), "WHAT\a")
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)
	golden(t, "logger-events", lines())
}

func TestLoggerRedacts(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelDebug)
	r := framework.NewRouter()
	r.Use(middleware.Logger(middleware.LoggerConfig{
		Logger: log, Redact: middleware.HideLocalPart, Content: true,
		Macros: map[framework.Stage][]string{framework.StageMail: {"auth_authen"}},
	}))
	r.Mount(judge(framework.Continue, nil))
	miltertest.RunRouter(t, r, miltertest.Message("From: ann@example.org\n\nann@example.org\n", append(sample(), miltertest.Auth("ann"))...))
	assert.NotContains(t, lines(), "ann")
	assert.NotContains(t, lines(), "bob")
	for _, want := range []string{"sender=***@example.org", "recipient=***@example.net", "client=192.0.2.7", "macros.auth_authen=***", "args=[***]", "value=***", "chunk=***"} {
		assert.Contains(t, lines(), want)
	}
	assert.Equal(t, "<>", middleware.HideLocalPart("sender", "<>"), "a bounce is no secret")
}

// Without a Logger, lines go to the session's logger with its annotations.
func TestLoggerOfTheSession(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(middleware.Logger(middleware.LoggerConfig{}))
	r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
		s.Annotate(slog.String("tenant", "blue"))
		return nil
	})
	r.Mount(judge(framework.Continue, nil))
	res := miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nhi\n", sample()...))
	line, ok := res.Logs.Find("message")
	require.True(t, ok)
	tenant, _ := miltertest.LogAttr(line, "tenant")
	session, _ := miltertest.LogAttr(line, "session")
	assert.Equal(t, "blue", tenant.String())
	assert.NotEmpty(t, session.String())
}

// Data of a client cannot add a line to the log, in any field.
func TestLoggerWithHostileMacros(t *testing.T) {
	t.Parallel()
	evil := "x\r\nlevel=ERROR msg=forged\x1b[2J\u202e" + strings.Repeat("y", 3000)
	var b bytes.Buffer
	r := framework.NewRouter()
	r.Use(middleware.Logger(middleware.LoggerConfig{
		Logger: slog.New(slog.NewJSONHandler(&b, nil)),
		Fields: []middleware.LogField{middleware.LogClient, middleware.LogSender, middleware.LogAuth, middleware.LogTLS},
	}))
	r.Mount(judge(framework.Continue, nil))
	msg := miltertest.Message("A: b\n\nhi\n", miltertest.QueueID(evil), miltertest.Auth(evil), miltertest.ClientName(evil),
		miltertest.Macro(framework.StageHelo, "{tls_version}", evil), miltertest.Macro(framework.StageMail, "{mail_addr}", evil))
	miltertest.RunRouter(t, r, msg)
	line := b.String()
	assert.Equal(t, 1, strings.Count(line, "\n"))
	assert.NotContains(t, line, "\u202e")
	assert.Less(t, len(line), 3000)
	for _, key := range []string{"queue_id", "client_name", "user", "tls", "sender"} {
		assert.Contains(t, line, `"`+key+`":"x\\r\\nlevel=ERROR`, key)
	}
}

func TestLoggerPlan(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]middleware.LoggerConfig{
		"all":      {},
		"queue-id": {Fields: []middleware.LogField{middleware.LogSize, middleware.LogDurations, middleware.LogModifications, middleware.LogHelo}},
		"login":    {Fields: []middleware.LogField{middleware.LogAuth, middleware.LogTLS}},
		"events":   {NoMessages: true, Macros: map[framework.Stage][]string{framework.StageData: {"i"}}},
	} {
		r := framework.NewRouter()
		r.Use(middleware.Logger(cfg))
		r.Mount(judge(framework.Continue, nil))
		r.Mount(miltertest.FilterFunc("second", func(r *framework.Router) error {
			r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
			return nil
		}))
		plan, err := r.Plan()
		require.NoError(t, err)
		golden(t, "logger-plan-"+name, withoutLines(plan.String()))
	}
}

//nolint:paralleltest // memory is counted for the whole process
func TestAllocsOfLogger(t *testing.T) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	short := testing.AllocsPerRun(100, turning(t, 1, 1, middleware.Logger(middleware.LoggerConfig{Logger: quiet})).Message)
	long := testing.AllocsPerRun(100, turning(t, 100, 50, middleware.Logger(middleware.LoggerConfig{Logger: quiet})).Message)
	assert.InDelta(t, short, long, poolLosses(), "an event costs none")
	assert.LessOrEqual(t, short, 4.0+poolLosses(), "a line costs a handful")
	off := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
	assert.Zero(t, testing.AllocsPerRun(100, turning(t, 100, 50, middleware.Logger(middleware.LoggerConfig{Logger: off})).Message))
}

func BenchmarkLogger(b *testing.B) {
	for name, level := range map[string]slog.Level{"off": slog.LevelError, "info": slog.LevelInfo, "debug": slog.LevelDebug} {
		b.Run(name, func(b *testing.B) {
			perEvent(b, middleware.Logger(middleware.LoggerConfig{Logger: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: level}))}))
		})
	}
}

// levelOnly is a handler that is never enabled, and panics if it gets a record.
type levelOnly slog.Level

func (levelOnly) Enabled(context.Context, slog.Level) bool  { return false }
func (levelOnly) Handle(context.Context, slog.Record) error { panic("it is not enabled") }
func (l levelOnly) WithAttrs([]slog.Attr) slog.Handler      { return l }
func (l levelOnly) WithGroup(string) slog.Handler           { return l }

func TestLoggerAsksTheLevel(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(middleware.Logger(middleware.LoggerConfig{Logger: slog.New(levelOnly(0))}))
	r.Mount(judge(framework.Continue, nil))
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nhi\n", sample()...)).AssertAccepted(t)
}
