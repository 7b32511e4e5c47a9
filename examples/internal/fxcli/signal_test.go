//go:build unix

package fxcli_test

import (
	"context"
	"log/slog"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/contrib/configfile"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("os/signal.loop")) }

// TestOnSignalWhileBusy sends signals while an earlier one is handled. They are
// logged, and handled once more afterwards.
func TestOnSignalWhileBusy(t *testing.T) { //nolint:paralleltest // signals are the whole process's
	var log testproc.Buffer
	calls, release := make(chan struct{}, 10), make(chan struct{})
	lc := fxtest.NewLifecycle(t)
	fxcli.OnSignal(lc, syscall.SIGUSR1, slog.New(slog.NewTextHandler(&log, nil)), func(context.Context) {
		calls <- struct{}{}
		<-release
	})
	lc.RequireStart()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	<-calls
	for n := range 3 {
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
		log.Await(t, "still reloading", n+1)
	}
	close(release)
	<-calls
	lc.RequireStop()
	assert.Empty(t, calls, "the signals that waited count as one")
}

// TestOnSignalStopsWhileAFileHangs stops an application while a function reads a
// file of a file system that does not answer.
func TestOnSignalStopsWhileAFileHangs(t *testing.T) { //nolint:paralleltest // signals are the whole process's
	var log testproc.Buffer
	reading, mount, failed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	loader := configfile.NewLoader[int]()
	lc := fxtest.NewLifecycle(t)
	fxcli.OnSignal(lc, syscall.SIGUSR2, slog.New(slog.NewTextHandler(&log, nil)), func(ctx context.Context) {
		_, err := loader.Load(ctx, func() (int, error) {
			close(reading)
			<-mount
			return 0, nil
		})
		failed <- err
	})
	lc.RequireStart()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR2))
	<-reading
	lc.RequireStop()
	require.ErrorContains(t, <-failed, "gave up reading the files: the program is stopping")
	close(mount)
}
