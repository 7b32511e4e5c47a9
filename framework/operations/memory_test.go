package operations_test

import (
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/race"
)

// The limits for the memory of a session, without the kernel's memory.
const (
	idleSession = 8<<10 + 512
	leftOver    = 1 << 10   // of a message, to be used for the next
	firstBuffer = 4 << 10   // taken when a peer sends its first byte
	frameLimit  = 128 << 10 // the most that a frame may be
)

// listen serves the filter of these tests on a loopback port until the test ends.
func listen(t *testing.T, cfg framework.Config) (srv *framework.Server, address string) {
	t.Helper()
	return serveFilter(t, filter(), cfg)
}

// serveFilter serves a filter on a loopback port until the test ends.
func serveFilter(t *testing.T, r *framework.Router, cfg framework.Config) (srv *framework.Server, address string) {
	t.Helper()
	srv = newServer(t, r, cfg)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	})
	return srv, ln.Addr().String()
}

// inUse returns the bytes of heap and stacks in use.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// costs checks the memory of the server's process per MTA of a crowd. It must
// not exceed a maximum. If the server keeps the data that an MTA sent, it must
// also exceed a minimum, because otherwise the server has not read the data
// yet. What it takes while it reads is not counted. The race detector needs
// additional memory.
func costs(t *testing.T, name string, n int, least, most int64) {
	t.Helper()
	if race.Enabled {
		most *= 2
	}
	t.Run(name, func(t *testing.T) {
		cfg := quiet()
		cfg.NegotiateTimeout, cfg.FrameTimeout = 10*time.Minute, 10*time.Minute // none leaves while it is measured
		srv, address := listen(t, cfg)
		others(t, address) // what the first session makes once and for all is there
		before := int64(inUse())
		crowd(t, srv, address, name, n)
		var each int64
		assert.Eventually(t, func() bool {
			each = (int64(inUse()) - before) / int64(n)
			return least <= each && each <= most
		}, time.Minute, 100*time.Millisecond)
		t.Logf("%d MTAs %s: %d bytes each, at least %d and at most %d", n, name, each, least, most)
		others(t, address)
		assert.Eventually(t, func() bool { return srv.Stats().Connections == int64(n) }, time.Minute, time.Millisecond, "all of them are still there")
	})
}

// A peer that announces the largest frame gets only the first buffer. A peer
// that sends a part of it costs no more than the largest frame.
//
//nolint:paralleltest // memory is measured for the whole process
func TestAnnouncedFrames(t *testing.T) {
	// The last KiB is for what the runtime rounds up.
	costs(t, "announcing", 1000, firstBuffer, idleSession+firstBuffer+1<<10)
	costs(t, "announcing and beginning", 1000, firstBuffer+1, idleSession+frameLimit)
}

// An idle session holds no buffer, even after a message with a large body.
//
//nolint:paralleltest // memory is measured for the whole process
func TestIdleSessions(t *testing.T) {
	n := scaled(1000, 10_000)
	costs(t, "idle", n, 0, idleSession)
	costs(t, "idle after a message", n, 0, idleSession+leftOver)
}

// Peers that send one byte per second do not delay others. They are closed when
// their time is up, whether before their first command or in the middle of a
// command.
func TestSlowPeersAreCollected(t *testing.T) {
	t.Parallel()
	cfg := quiet()
	cfg.NegotiateTimeout = time.Duration(scaled(5, 10)) * time.Second // each of the others has it, too
	cfg.FrameTimeout = time.Duration(scaled(3, 15)) * time.Second
	for name, limit := range map[string]time.Duration{"slow to negotiate": cfg.NegotiateTimeout, "slow to command": cfg.FrameTimeout} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, address := listen(t, cfg)
			began := time.Now()
			crowd(t, srv, address, name, 1000)
			others(t, address)
			require.Eventually(t, func() bool { return srv.Stats().Connections == 0 }, limit+time.Minute, 10*time.Millisecond)
			took := time.Since(began)
			t.Logf("collected after %v", took)
			assert.GreaterOrEqual(t, took, limit)
			others(t, address)
		})
	}
}
