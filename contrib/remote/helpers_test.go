package remote_test

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve serves a filter as a milter of its own on a socket until the test ends, and
// returns its address.
func serve(t *testing.T, f framework.Filter, opts ...framework.LaneOption) string {
	t.Helper()
	addr := "unix:" + filepath.Join(t.TempDir(), "s")
	serveAt(t, addr, f, opts...)
	return addr
}

func serveAt(t *testing.T, addr string, f framework.Filter, opts ...framework.LaneOption) *framework.Server {
	t.Helper()
	r := framework.NewRouter()
	r.Mount(f, opts...)
	ln, err := framework.Listen(addr)
	require.NoError(t, err)
	return realmta.Serve(t, ln, r, framework.Config{})
}

// lane returns a filter for the milters at the addresses, which is closed with the test.
func lane(t *testing.T, cfg remote.Config, addrs ...string) *remote.Filter {
	t.Helper()
	cfg.Addresses = append(cfg.Addresses, addrs...)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	f, err := remote.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

// listen serves connections with a function until the test ends, and returns the address.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	require.NoError(t, err)
	serveConns(t, ln, handle)
	return "unix:" + path
}

// serveConns serves the connections of a listener with a function until the test ends.
func serveConns(t *testing.T, ln net.Listener, handle func(net.Conn)) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			}()
		}
	}()
	t.Cleanup(func() {
		assert.NoError(t, ln.Close())
		<-done
	})
}

// dial connects to the puppet without a network, so that tests have their own time. It
// implements Config.Dial.
func (p *puppet) dial(context.Context, string, string) (net.Conn, error) {
	near, far := miltertest.Pipe()
	go func() {
		defer func() { _ = far.Close() }()
		p.serve(far)
	}()
	return near, nil
}

// patience is the timeout for what happens at once unless the machine is busy, and tick is
// how often a test checks for it.
const (
	patience = time.Minute
	tick     = time.Millisecond
)

// largePackets makes the server ask for packets of 1 MiB.
func largePackets() miltertest.Option {
	return miltertest.Configure(func(cfg *framework.Config) { cfg.MaxPacket = wire.Limit1M })
}
