package milterfx_test

import (
	"log/slog"
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// The first application that waits for a signal starts the signal loop of the
// runtime, which never ends.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("os/signal.loop"))
}

// stamp is a filter that adds a field X-Lane with its name.
type stamp string

func (f stamp) Name() string { return string(f) }

func (f stamp) Register(r *framework.Router) error {
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Lane", string(f))
	})
	return nil
}

// register is a function as a filter.
type register func(r *framework.Router) error

func (register) Name() string { return "register" }

func (f register) Register(r *framework.Router) error { return f(r) }

// unix returns the path of a socket that does not exist yet.
func unix(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "x.sock")
}

func at(paths ...string) milterfx.Config {
	var cfg milterfx.Config
	for _, path := range paths {
		cfg.Listen = append(cfg.Listen, "unix:"+path)
	}
	return cfg
}

// app returns an application that serves milters and writes to the given log.
func app(t *testing.T, log *testproc.Buffer, options ...fx.Option) *fxtest.App {
	t.Helper()
	return fxtest.New(t, common(log), fx.Options(options...))
}

// failing returns the error of fx.New for an application with a mistake.
func failing(options ...fx.Option) error {
	return fx.New(common(new(testproc.Buffer)), fx.Options(options...)).Err()
}

func common(log *testproc.Buffer) fx.Option {
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return fx.Options(milterfx.Defaults(), milterfx.Module, fx.Supply(logger))
}

// dial connects an MTA.
func dial(t *testing.T, path string) *mta.Conn {
	t.Helper()
	conn, err := mta.Dial(t.Context(), "unix:"+path, mta.Config{})
	require.NoError(t, err)
	return conn
}

// stamps sends a message and returns the X-Lane fields of the delivered
// message.
func stamps(t *testing.T, path string) []string {
	t.Helper()
	conn := dial(t, path)
	outcome, err := conn.Send(t.Context(), &mta.Message{Body: []byte("hello\r\n")})
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	require.NotNil(t, outcome.Edited)
	var lanes []string
	for _, field := range outcome.Edited.Header {
		if field.Name == "X-Lane" {
			lanes = append(lanes, field.Value[1:])
		}
	}
	return lanes
}

// inFlight connects an MTA, sends MAIL, and waits until the filter, a watcher,
// has seen it.
func inFlight(t *testing.T, path string, mail <-chan struct{}) *mta.Conn {
	t.Helper()
	conn := dial(t, path)
	_, err := conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Flush(t.Context()))
	<-mail
	return conn
}

// watcher returns a filter that sends to mail for every MAIL command.
func watcher(mail chan<- struct{}) framework.Filter {
	return register(func(r *framework.Router) error {
		r.ObserveMail(func(*framework.Session, *framework.Mail) error {
			mail <- struct{}{}
			return nil
		})
		return nil
	})
}

// broken is a listener whose Accept fails with the errors sent to fail.
type broken struct {
	net.Listener
	fail chan error
}

func (l *broken) Accept() (net.Conn, error) { return nil, <-l.fail }
