package milterfx_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

func TestTwoListeners(t *testing.T) {
	t.Parallel()
	first, second := unix(t), unix(t)
	var status *milterfx.Status
	a := app(t, new(testproc.Buffer), fx.Supply(at(first, second)), milterfx.Filters(stamp("a")), fx.Populate(&status))
	assert.Empty(t, status.Addrs())
	a.RequireStart()
	assert.Equal(t, []string{"a"}, stamps(t, first))
	assert.Equal(t, []string{"a"}, stamps(t, second))
	require.Len(t, status.Addrs(), 2)
	assert.Equal(t, first, status.Addrs()[0].String())
	assert.Equal(t, second, status.Addrs()[1].String())
	a.RequireStop()
	assert.NoFileExists(t, first)
	assert.NoFileExists(t, second)
}

func TestBindErrorStopsTheStart(t *testing.T) {
	t.Parallel()
	taken := unix(t)
	other, err := net.Listen("unix", taken)
	require.NoError(t, err)
	t.Cleanup(func() { _ = other.Close() })
	free := unix(t)
	var status *milterfx.Status
	var closed bool
	a := app(t, new(testproc.Buffer),
		fx.Supply(at(free, taken)),
		fx.Provide(func(lc fx.Lifecycle) names {
			lc.Append(fx.StopHook(func() { closed = true }))
			return newNames()
		}),
		milterfx.Filters(func(n names) stamp { return stamp(n.first) }),
		fx.Populate(&status),
	)
	err = a.Start(t.Context())
	require.Error(t, err)
	assert.Contains(t, err.Error(), "another process listens there")
	assert.NoFileExists(t, free, "what was bound is closed again")
	assert.Equal(t, milterfx.Starting, status.State())
	assert.True(t, closed, "what was started before is stopped")
	_, err = os.Lstat(taken)
	assert.NoError(t, err, "the other's socket stays")
}

func TestAWrongAddressStopsTheStart(t *testing.T) {
	t.Parallel()
	a := app(t, new(testproc.Buffer), fx.Supply(milterfx.Config{Listen: []string{"nowhere"}}), milterfx.Filters())
	err := a.Start(t.Context())
	require.Error(t, err)
	assert.Contains(t, err.Error(), `"nowhere"`)
}

func TestPortOfTheSystem(t *testing.T) {
	t.Parallel()
	var status *milterfx.Status
	a := app(t, new(testproc.Buffer), fx.Supply(milterfx.Config{Listen: []string{"inet:0@127.0.0.1"}}),
		milterfx.Filters(), fx.Populate(&status))
	a.RequireStart()
	require.Len(t, status.Addrs(), 1)
	conn, err := mta.Dial(t.Context(), "inet:"+status.Addrs()[0].String(), mta.Config{})
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	a.RequireStop()
}

func TestOpenReplacesListen(t *testing.T) {
	t.Parallel()
	path := unix(t)
	var asked []string
	cfg := milterfx.Config{
		Listen: []string{"handed over"},
		Open: func(address string) (net.Listener, error) {
			asked = append(asked, address)
			return net.Listen("unix", path)
		},
	}
	a := app(t, new(testproc.Buffer), fx.Supply(cfg), milterfx.Filters(stamp("a")))
	a.RequireStart()
	assert.Equal(t, []string{"handed over"}, asked)
	assert.Equal(t, []string{"a"}, stamps(t, path))
	a.RequireStop()
}

func TestNoSecondStart(t *testing.T) {
	t.Parallel()
	path := unix(t)
	a := app(t, new(testproc.Buffer), fx.Supply(at(path)), milterfx.Filters())
	a.RequireStart().RequireStop()
	err := a.Start(t.Context())
	require.Error(t, err)
	assert.Contains(t, err.Error(), "make a new application")
	assert.NoFileExists(t, path)
}

func TestServingFailureEndsTheApp(t *testing.T) {
	t.Parallel()
	path := unix(t)
	fail := make(chan error)
	cfg := at(path, "second", "third")
	cfg.Open = func(address string) (net.Listener, error) {
		if address == "unix:"+path {
			return framework.Listen(address)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		return &broken{ln, fail}, err
	}
	log := new(testproc.Buffer)
	var status *milterfx.Status
	a := app(t, log, fx.Supply(cfg), milterfx.Filters(stamp("a")), fx.Populate(&status))
	var told []milterfx.State
	status.Watch(func(s milterfx.State) { told = append(told, s) })
	a.RequireStart()
	done := a.Wait()
	assert.Equal(t, []string{"a"}, stamps(t, path))

	fail <- errors.New("the network is gone")
	fail <- errors.New("the network is gone")
	require.Eventually(t, func() bool { return !status.Ready() }, time.Minute, time.Millisecond)
	a.RequireStop()
	assert.Equal(t, milterfx.ExitCode, (<-done).ExitCode)
	assert.Equal(t, 2, strings.Count(log.String(), "the network is gone"))
	assert.NotContains(t, log.String(), "cannot shut down", "the application is shut down once")
	assert.Equal(t, []milterfx.State{milterfx.Starting, milterfx.Ready, milterfx.Draining, milterfx.Stopped}, told)
	assert.NoFileExists(t, path, "the listener that is well is closed with it")
}

// New can be called without an fx application.
func TestNewWithoutAnApp(t *testing.T) {
	t.Parallel()
	path := unix(t)
	lc := fxtest.NewLifecycle(t)
	res, err := milterfx.New(milterfx.Params{
		Config: at(path), Lanes: milterfx.Lanes{{Filter: stamp("a")}, {Filter: stamp("b")}}, Lifecycle: lc,
	})
	require.NoError(t, err)
	lc.RequireStart()
	assert.True(t, res.Status.Ready())
	assert.Equal(t, []string{"a", "b"}, stamps(t, path))
	lc.RequireStop()
}
