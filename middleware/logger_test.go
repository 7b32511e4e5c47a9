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

// textLog returns a logger, and where its lines go, without time and with what
// varies from run to run taken out.
func textLog(level slog.Level) (*slog.Logger, func() string) {
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	varies := regexp.MustCompile(`(session|took|took\.[a-z]+|"took\.[a-z ]+")=\S+`)
	return log, func() string { return varies.ReplaceAllString(b.String(), "$1=~") }
}

// judge is a filter that looks at everything, adds a field, and decides at the
// end of the message.
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
	const head = `level=INFO msg=message session=~ message=1 queue=4F1 client=192.0.2.7 client_name=mx.example.org sender=ann@example.org helo=mx\x1b[31m recipients=2 size=4 `
	const took = "took.helo=~ took.mail=~ took.rcpt=~ took.header=~ took.body=~ \"took.end of message\"=~\n"
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
			r.Use(middleware.Logger(log))
			r.Mount(judge(c.verdict, c.err))
			miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n", sample()...))
			assert.Equal(t, head+c.want+took, lines())
		})
	}
}

// A message that is refused at RCPT, or given up, has its line too; the numbers
// go on, and what is known of the client comes again.
func TestLoggerOfASession(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelInfo)
	r := framework.NewRouter()
	r.Use(middleware.Logger(log, middleware.LogFields(middleware.LogSender, middleware.LogRecipients)))
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
	assert.Equal(t, `level=INFO msg=message session=~ message=1 queue=4ZsluiceZ1 sender=ann@example.org recipients=1 verdict=tempfail filter=main stage=data
level=INFO msg=message session=~ message=2 queue="" verdict=aborted
`, lines())
}

// Whatever the number of lanes, a message has one line.
func TestLoggerOverLanes(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelDebug)
	r := framework.NewRouter()
	r.Use(middleware.Logger(log, middleware.LogFields()), middleware.NormalizeHeaders(middleware.NormalizeConfig{}))
	r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
	r.Mount(judge(framework.Continue, nil))
	res := miltertest.RunRouter(t, r, miltertest.Message("x-a: =?utf-8?q?a?=\n\nhi\n", sample()...))
	res.AssertAccepted(t)
	assert.Equal(t, 1, strings.Count(lines(), "msg=message"))
	assert.Contains(t, lines(), "filter=main name=x-a bytes=")
	assert.Contains(t, lines(), "filter=judge name=x-a bytes=")
}

// What the line tells of the client is there without a handler that is told it.
func TestLoggerOfAHeaderFilter(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelInfo)
	r := framework.NewRouter()
	r.Use(middleware.Logger(log))
	r.OnEndOfMessage(goesOn)
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\n", sample()...)).AssertAccepted(t)
	assert.Contains(t, lines(), `queue=4F1 client=192.0.2.7 client_name=mx.example.org sender=ann@example.org helo=mx\x1b[31m recipients=2 verdict=continue`)
}

// No recipients and an empty body are counts, where they were shown.
func TestLoggerCountsNothing(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelInfo)
	r := framework.NewRouter()
	r.Use(middleware.Logger(log, middleware.LogFields(middleware.LogRecipients, middleware.LogSize)))
	r.OnRcpt(says[*framework.Rcpt](framework.Reject))
	r.OnBody(goesOn)
	srv := miltertest.NewRouterServer(t, r)
	srv.Dial(t).Run(t, miltertest.Message("A: b\n\n", sample()...))
	srv.Close(t)
	assert.Contains(t, lines(), "recipients=0 verdict=aborted")
	assert.NotContains(t, lines(), "size=")

	log, lines = textLog(slog.LevelInfo)
	r = framework.NewRouter()
	r.Use(middleware.Logger(log, middleware.LogFields(middleware.LogRecipients, middleware.LogSize)))
	r.OnBody(goesOn)
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\n", sample()...)).AssertAccepted(t)
	assert.Contains(t, lines(), "recipients=2 size=0 verdict=continue")
}

// One Logger may be put on any number of routers.
func TestLoggerOnTwoRouters(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelInfo)
	logger := middleware.Logger(log)
	for range 2 {
		r := framework.NewRouter()
		r.Use(logger)
		r.Mount(judge(framework.Continue, nil))
		miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nhi\n", sample()...)).AssertAccepted(t)
	}
	assert.Equal(t, 2, strings.Count(lines(), "msg=message session=~ message=1 queue=4F1 client=192.0.2.7"))
}

func TestLoggerOfEvents(t *testing.T) {
	t.Parallel()
	log, lines := textLog(slog.LevelDebug)
	r := framework.NewRouter()
	r.Use(middleware.Logger(log, middleware.LogNoMessages(), middleware.LogContent(), middleware.LogLimit(12),
		middleware.LogMacros(framework.StageMail, "{mail_addr}", "nothing")))
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
	r.Use(middleware.Logger(log, middleware.LogRedact(middleware.HideLocalPart), middleware.LogContent(),
		middleware.LogMacros(framework.StageMail, "auth_authen")))
	r.Mount(judge(framework.Continue, nil))
	miltertest.RunRouter(t, r, miltertest.Message("From: ann@example.org\n\nann@example.org\n", append(sample(), miltertest.Auth("ann"))...))
	assert.NotContains(t, lines(), "ann")
	assert.NotContains(t, lines(), "bob")
	for _, want := range []string{"sender=***@example.org", "recipient=***@example.net", "client=192.0.2.7", "macros.auth_authen=***", "args=[***]", "value=***", "chunk=***"} {
		assert.Contains(t, lines(), want)
	}
	assert.Equal(t, "<>", middleware.HideLocalPart("sender", "<>"), "a bounce is no secret")
}

// Nil means the session's logger, with all that was added to it.
func TestLoggerOfTheSession(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(middleware.Logger(nil))
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

// What a client says cannot make a line of its own, in any field.
func TestLoggerWithHostileMacros(t *testing.T) {
	t.Parallel()
	evil := "x\r\nlevel=ERROR msg=forged\x1b[2J\u202e" + strings.Repeat("y", 3000)
	var b bytes.Buffer
	r := framework.NewRouter()
	r.Use(middleware.Logger(slog.New(slog.NewJSONHandler(&b, nil)), middleware.LogFields(middleware.LogClient, middleware.LogSender, middleware.LogAuth, middleware.LogTLS)))
	r.Mount(judge(framework.Continue, nil))
	msg := miltertest.Message("A: b\n\nhi\n", miltertest.QueueID(evil), miltertest.Auth(evil), miltertest.ClientName(evil),
		miltertest.Macro(framework.StageHelo, "{tls_version}", evil), miltertest.Macro(framework.StageMail, "{mail_addr}", evil))
	miltertest.RunRouter(t, r, msg)
	line := b.String()
	assert.Equal(t, 1, strings.Count(line, "\n"))
	assert.NotContains(t, line, "\u202e")
	assert.Less(t, len(line), 3000)
	for _, key := range []string{"queue", "client_name", "user", "tls", "sender"} {
		assert.Contains(t, line, `"`+key+`":"x\\r\\nlevel=ERROR`, key)
	}
}

func TestLoggerPlan(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]middleware.LogOption{
		"all":      nil,
		"queue-id": {middleware.LogFields(middleware.LogSize, middleware.LogDurations, middleware.LogModifications, middleware.LogHelo)},
		"login":    {middleware.LogFields(middleware.LogAuth, middleware.LogTLS)},
		"events":   {middleware.LogNoMessages(), middleware.LogMacros(framework.StageData, "i")},
	} {
		r := framework.NewRouter()
		r.Use(middleware.Logger(nil, opts...))
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
	short := testing.AllocsPerRun(100, turning(t, 1, 1, middleware.Logger(quiet)).Message)
	long := testing.AllocsPerRun(100, turning(t, 100, 50, middleware.Logger(quiet)).Message)
	assert.InDelta(t, short, long, poolLosses(), "an event costs none")
	assert.LessOrEqual(t, short, 4.0+poolLosses(), "a line costs a handful")
	off := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
	assert.Zero(t, testing.AllocsPerRun(100, turning(t, 100, 50, middleware.Logger(off)).Message))
}

func BenchmarkLogger(b *testing.B) {
	for name, level := range map[string]slog.Level{"off": slog.LevelError, "info": slog.LevelInfo, "debug": slog.LevelDebug} {
		b.Run(name, func(b *testing.B) {
			perEvent(b, middleware.Logger(slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: level}))))
		})
	}
}

// levelOnly is a handler that is never to be given a record.
type levelOnly slog.Level

func (levelOnly) Enabled(context.Context, slog.Level) bool  { return false }
func (levelOnly) Handle(context.Context, slog.Record) error { panic("it is not enabled") }
func (l levelOnly) WithAttrs([]slog.Attr) slog.Handler      { return l }
func (l levelOnly) WithGroup(string) slog.Handler           { return l }

func TestLoggerAsksTheLevel(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(middleware.Logger(slog.New(levelOnly(0))))
	r.Mount(judge(framework.Continue, nil))
	miltertest.RunRouter(t, r, miltertest.Message("A: b\n\nhi\n", sample()...)).AssertAccepted(t)
}
