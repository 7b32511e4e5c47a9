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

// The runtime's signal loop is started by the first application that waits for
// a signal, and never ends.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("os/signal.loop"))
}

// stamp is a filter that adds a field X-Lane with its own name.
type stamp string

func (f stamp) Name() string { return string(f) }

func (f stamp) Register(r *framework.Router) error {
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Lane", string(f))
	})
	return nil
}

// register is a filter of a function.
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

// app returns an application that serves milters, with a log of its own.
func app(t *testing.T, log *testproc.Buffer, options ...fx.Option) *fxtest.App {
	t.Helper()
	return fxtest.New(t, common(log), fx.Options(options...))
}

// failing returns what fx.New makes of an application with a mistake.
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

// stamps sends a message and returns the X-Lane fields that it is delivered
// with.
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

// inFlight connects an MTA that has said MAIL, so that the filter, which watches
// for it, knows that a message is under way.
func inFlight(t *testing.T, path string, mail <-chan struct{}) *mta.Conn {
	t.Helper()
	conn := dial(t, path)
	_, err := conn.Mail(t.Context(), "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Flush(t.Context()))
	<-mail
	return conn
}

// watcher is a filter that tells of every MAIL.
func watcher(mail chan<- struct{}) framework.Filter {
	return register(func(r *framework.Router) error {
		r.ObserveMail(func(*framework.Session, *framework.Mail) error {
			mail <- struct{}{}
			return nil
		})
		return nil
	})
}

// broken is a listener that fails when it is told to.
type broken struct {
	net.Listener
	fail chan error
}

func (l *broken) Accept() (net.Conn, error) { return nil, <-l.fail }
