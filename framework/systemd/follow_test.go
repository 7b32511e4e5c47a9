package systemd_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/systemd"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("os/signal.loop"))
}

// manager imitates systemd: it receives the notifications of a service.
type manager struct {
	conn     *net.UnixConn
	watchdog bool
}

// newManager starts to listen and sets the environment variables, as systemd
// does. The tests share the environment and therefore do not run in parallel.
func newManager(t *testing.T, watchdog time.Duration) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_PID", "")
	t.Setenv("WATCHDOG_USEC", "")
	if watchdog > 0 {
		t.Setenv("WATCHDOG_USEC", strconv.FormatInt(watchdog.Microseconds(), 10))
	}
	return &manager{conn, watchdog > 0}
}

// told returns the next notification, or "" if none comes in time. The service of the test
// before may have been sending its last WATCHDOG=1 when this one set the environment.
func (m *manager) told(t *testing.T, limit time.Duration) string {
	t.Helper()
	require.NoError(t, m.conn.SetReadDeadline(time.Now().Add(limit)))
	for buf := make([]byte, 4096); ; {
		n, err := m.conn.Read(buf)
		switch {
		case err != nil:
			return ""
		case m.watchdog || string(buf[:n]) != "WATCHDOG=1":
			return string(buf[:n])
		}
	}
}

// soon limits the wait for a notification that must come. quietly is the wait
// to see that none comes.
const (
	soon    = time.Minute
	quietly = 200 * time.Millisecond
)

// app is a milter without filters on a free port.
func app(t *testing.T, status **milterfx.Status, options ...fx.Option) *fxtest.App {
	t.Helper()
	return fxtest.New(
		t, milterfx.Defaults(), milterfx.Module, systemd.Module, milterfx.Filters(),
		fx.Supply(milterfx.Config{
			Listen: []string{"inet:0@127.0.0.1", "inet:0@127.0.0.1"}, Server: framework.Config{DrainGrace: time.Minute},
		}),
		fx.Populate(status), fx.Options(options...),
	)
}

func discard() fx.Option { return fx.Supply(slog.New(slog.DiscardHandler)) }

func TestStates(t *testing.T) { //nolint:paralleltest // the environment is shared
	m := newManager(t, 0)
	var status *milterfx.Status
	a := app(t, &status, discard())
	assert.Empty(t, m.told(t, quietly), "nothing is bound yet")
	a.RequireStart()
	addrs := status.Addrs()
	require.Len(t, addrs, 2)
	assert.Equal(t, "READY=1\nSTATUS=serving "+addrs[0].String()+", "+addrs[1].String(), m.told(t, soon))
	assert.Empty(t, m.told(t, quietly), "no watchdog is asked for")
	a.RequireStop()
	assert.Equal(t, "STOPPING=1\nSTATUS=draining", m.told(t, soon))
	assert.Empty(t, m.told(t, quietly))
}

func TestFailedStartIsNotReady(t *testing.T) { //nolint:paralleltest // the environment is shared
	m := newManager(t, time.Second)
	a := fx.New(
		fx.NopLogger, milterfx.Module, systemd.Module, milterfx.Filters(), discard(),
		fx.Supply(milterfx.Config{Listen: []string{"unix:" + filepath.Join(t.TempDir(), "no", "folder")}}),
	)
	require.NoError(t, a.Err())
	require.Error(t, a.Start(t.Context()))
	assert.Empty(t, m.told(t, quietly))
}

func TestWatchdog(t *testing.T) { //nolint:paralleltest // the environment is shared
	const limit = 100 * time.Millisecond
	m := newManager(t, limit)
	var status *milterfx.Status
	a := app(t, &status, discard())
	began := time.Now()
	a.RequireStart()
	assert.Contains(t, m.told(t, soon), "READY=1")
	for range 5 {
		assert.Equal(t, "WATCHDOG=1", m.told(t, soon))
	}
	assert.GreaterOrEqual(t, time.Since(began), 4*limit/2, "the first at once, and four at half the limit")
	a.RequireStop()
	last := ""
	for said := m.told(t, quietly); said != ""; said = m.told(t, quietly) {
		if said != "WATCHDOG=1" {
			last = said
		}
	}
	assert.Equal(t, "STOPPING=1\nSTATUS=draining", last, "and no sign of life for good")
}

// A drain may take longer than the watchdog's interval.
func TestWatchdogWhileDraining(t *testing.T) { //nolint:paralleltest // the environment is shared
	m := newManager(t, 20*time.Millisecond)
	var status *milterfx.Status
	a := app(t, &status, discard())
	a.RequireStart()
	conn, err := net.Dial("tcp", status.Addrs()[0].String()) // the drain waits for its end
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.Eventually(t, func() bool { return status.Ready() }, soon, time.Millisecond)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		a.RequireStop()
	}()
	for said := ""; said != "STOPPING=1\nSTATUS=draining"; {
		said = m.told(t, soon)
		require.NotEmpty(t, said)
	}
	for range 5 {
		assert.Equal(t, "WATCHDOG=1", m.told(t, soon))
	}
	assert.Equal(t, milterfx.Draining, status.State())
	require.NoError(t, conn.Close())
	<-stopped
}

func TestWatchdogAsksFirst(t *testing.T) { //nolint:paralleltest // the environment is shared
	m := newManager(t, 20*time.Millisecond)
	var (
		status *milterfx.Status
		ill    atomic.Bool
		log    bytes.Buffer
	)
	ill.Store(true)
	a := app(t, &status, fx.Supply(systemd.Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Alive: func() error {
			if ill.Load() {
				return errors.New("the loop is stuck")
			}
			return nil
		},
	}), discard())
	a.RequireStart()
	assert.Contains(t, m.told(t, soon), "READY=1")
	assert.Empty(t, m.told(t, quietly))
	ill.Store(false)
	assert.Equal(t, "WATCHDOG=1", m.told(t, soon))
	a.RequireStop()
	goleak.VerifyNone(t, goleak.IgnoreAnyFunction("os/signal.loop"))
	assert.Contains(t, log.String(), "the loop is stuck")
}

func TestWithoutSystemd(t *testing.T) {
	newManager(t, 0)
	t.Setenv("NOTIFY_SOCKET", "")
	var (
		status *milterfx.Status
		log    bytes.Buffer
	)
	a := app(t, &status, fx.Supply(slog.New(slog.NewTextHandler(&log, nil))))
	a.RequireStart()
	a.RequireStop()
	assert.NotContains(t, log.String(), "systemd")
	assert.Contains(t, log.String(), "msg=serving", "the log is the one that would have it")
}

func TestManagerIsGone(t *testing.T) { //nolint:paralleltest // the environment is shared
	m := newManager(t, 0)
	require.NoError(t, m.conn.Close())
	var (
		status *milterfx.Status
		log    bytes.Buffer
	)
	a := app(t, &status, fx.Supply(slog.New(slog.NewTextHandler(&log, nil))))
	a.RequireStart()
	a.RequireStop()
	assert.Contains(t, log.String(), `msg="cannot notify systemd" notification="READY=1"`)
}

func TestWrongWatchdog(t *testing.T) {
	newManager(t, 0)
	t.Setenv("WATCHDOG_USEC", "often")
	require.ErrorContains(t, systemd.Follow(new(milterfx.Status), systemd.Config{}), "watchdog")
}

// The watchdog is meant for another process of the service.
func TestWatchdogOfAnotherProcess(t *testing.T) {
	m := newManager(t, 20*time.Millisecond)
	t.Setenv("WATCHDOG_PID", "1")
	var status *milterfx.Status
	a := app(t, &status, discard())
	a.RequireStart()
	assert.Contains(t, m.told(t, soon), "READY=1")
	assert.Empty(t, m.told(t, quietly))
	a.RequireStop()
}

// A process that took over does not send READY=1. A process that has a
// successor sends MAINPID and nothing else.
func TestSuccession(t *testing.T) {
	m := newManager(t, 20*time.Millisecond)
	t.Setenv("WATCHDOG_PID", "1") // the predecessor
	var status *milterfx.Status
	a := app(t, &status, discard())
	status.Inherit()
	a.RequireStart()
	for range 3 {
		assert.Equal(t, "WATCHDOG=1", m.told(t, soon))
	}
	status.HandOver(4711)
	a.RequireStop()
	said := m.told(t, soon)
	for said == "WATCHDOG=1" {
		said = m.told(t, soon)
	}
	assert.Equal(t, "MAINPID=4711", said)
	if said = m.told(t, quietly); said == "WATCHDOG=1" { // it was already being sent
		said = m.told(t, quietly)
	}
	assert.Empty(t, said)
}

// A successor with an unknown process ID works too.
func TestUnknownSuccessor(t *testing.T) { //nolint:paralleltest // the environment is shared
	m := newManager(t, 0)
	var status *milterfx.Status
	a := app(t, &status, discard())
	a.RequireStart()
	assert.Contains(t, m.told(t, soon), "READY=1")
	status.HandOver(0)
	a.RequireStop()
	assert.Empty(t, m.told(t, quietly))
}
