package milterfx_test

import (
	"context"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

// flight is an application with a message in flight.
type flight struct {
	app    *fxtest.App
	log    *testproc.Buffer
	path   string
	status *milterfx.Status
	mail   chan struct{}
	closed chan time.Time // receives the time at which the filter's dependency was stopped
}

func takeOff(t *testing.T, drain time.Duration) *flight {
	t.Helper()
	f := &flight{log: new(testproc.Buffer), path: unix(t), mail: make(chan struct{}, 1), closed: make(chan time.Time, 1)}
	cfg := at(f.path)
	cfg.DrainTimeout = drain
	f.app = app(t, f.log,
		fx.Supply(cfg),
		fx.Provide(func(lc fx.Lifecycle) names {
			lc.Append(fx.StopHook(func() { f.closed <- time.Now() }))
			return newNames()
		}),
		milterfx.Filters(func(names) framework.Filter { return watcher(f.mail) }),
		fx.Populate(&f.status),
	)
	f.app.RequireStart()
	return f
}

// stop stops the application in the background.
func (f *flight) stop(ctx context.Context) <-chan error {
	stopped := make(chan error, 1)
	go func() { stopped <- f.app.Stop(ctx) }()
	return stopped
}

// refuses waits until new MTAs are refused.
func (f *flight) refuses(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("unix", f.path)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, time.Minute, time.Millisecond)
}

func TestStopDrains(t *testing.T) {
	t.Parallel()
	f := takeOff(t, time.Minute)
	conn := inFlight(t, f.path, f.mail)
	stopped := f.stop(t.Context())
	f.refuses(t)
	assert.Equal(t, milterfx.Draining, f.status.State())
	assert.Empty(t, f.closed, "what the filter depends on is still there")

	response, _, err := conn.EndOfMessage(t.Context(), nil)
	require.NoError(t, err, "the message in flight finishes")
	assert.False(t, response.Refuses())
	require.NoError(t, conn.Quit(t.Context()))
	require.NoError(t, <-stopped)
	assert.Len(t, f.closed, 1)
	assert.Equal(t, milterfx.Stopped, f.status.State())
	assert.Contains(t, f.log.String(), "msg=drained")
}

func TestDrainHasAnEnd(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		drain, stop time.Duration
		least, most time.Duration
	}{
		"the drain timeout":   {100 * time.Millisecond, 2 * time.Minute, 100 * time.Millisecond, time.Minute},
		"fx's stop timeout":   {5 * time.Minute, time.Second, 700 * time.Millisecond, time.Minute},
		"it is over at once":  {5 * time.Minute, 10 * time.Millisecond, 0, time.Minute},
		"the drain is longer": {2 * time.Minute, time.Second, 700 * time.Millisecond, time.Minute},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := takeOff(t, c.drain)
			conn := inFlight(t, f.path, f.mail)
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), c.stop)
			defer cancel()
			err := <-f.stop(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.GreaterOrEqual(t, time.Since(began), c.least)
			assert.Less(t, time.Since(began), c.most)
			_, _, err = conn.EndOfMessage(t.Context(), nil)
			assert.Error(t, err, "its connection was closed")
			_ = conn.Close()
		})
	}
}

// fx runs no hook after its timeout, so draining must leave time for the other
// hooks.
func TestDrainLeavesTimeToTheOthers(t *testing.T) {
	t.Parallel()
	f := takeOff(t, time.Minute)
	conn := inFlight(t, f.path, f.mail)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // it leaves two, which is much on a busy machine
	defer cancel()
	err := <-f.stop(ctx)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "closed before all MTAs had finished")
	require.Len(t, f.closed, 1, "the hook after the drain has run")
	require.NoError(t, ctx.Err(), "in time")
	_ = conn.Close()
}

func TestCancelledStopCloses(t *testing.T) {
	t.Parallel()
	f := takeOff(t, time.Minute)
	conn := inFlight(t, f.path, f.mail)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := f.stop(ctx)
	f.refuses(t)
	cancel()
	require.ErrorIs(t, <-stopped, context.Canceled)
	_, err := conn.ReadReply(t.Context()) // fx does not wait for the hook to return
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF, "its connection was closed")
	_ = conn.Close()
}

func TestSecondSignalCloses(t *testing.T) { //nolint:paralleltest // signals are the whole process's
	f := takeOff(t, time.Minute)
	conn := inFlight(t, f.path, f.mail)
	wait := f.app.Wait()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	assert.Equal(t, syscall.SIGTERM, (<-wait).Signal)
	stopped := f.stop(t.Context())
	f.refuses(t)
	// The hook listens for signals before it stops accepting.
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	require.NoError(t, <-stopped)
	assert.Contains(t, f.log.String(), "closed by a second signal")
	assert.Len(t, f.closed, 1)
	_, _, err := conn.EndOfMessage(t.Context(), nil)
	assert.Error(t, err)
	_ = conn.Close()
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	log := new(testproc.Buffer)
	a := app(t, log, fx.Supply(at(unix(t))), milterfx.Filters())
	assert.Equal(t, milterfx.StopTimeout, a.StopTimeout())
	assert.Greater(t, a.StopTimeout(), framework.DefaultDrain)
	a.RequireStart().RequireStop()
	assert.Contains(t, log.String(), `level=DEBUG msg="OnStart hook executed"`, "fx's own lines")
	assert.Contains(t, log.String(), `level=INFO msg=serving`)

	later := app(t, log, fx.StopTimeout(time.Hour), fx.Supply(at(unix(t))), milterfx.Filters())
	assert.Equal(t, time.Hour, later.StopTimeout())
}

// Idle MTAs do not make a stop fail, however short the drain is.
func TestIdleSessionsDrainInTime(t *testing.T) {
	t.Parallel()
	path := unix(t)
	cfg := at(path)
	cfg.DrainTimeout = 5 * time.Second // half of it is left when the grace of the sessions is over
	a := app(t, new(testproc.Buffer), fx.Supply(cfg), milterfx.Filters(stamp("a")))
	a.RequireStart()
	conn := dial(t, path)
	defer func() { _ = conn.Close() }()
	began := time.Now()
	a.RequireStop()
	assert.GreaterOrEqual(t, time.Since(began), cfg.DrainTimeout/2)
}
