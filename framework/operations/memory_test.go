package operations_test

import (
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// listen serves the filter on a loopback port until the test ends.
func listen(t *testing.T, cfg framework.Config) (srv *framework.Server, address string) {
	t.Helper()
	srv = newServer(t, filter(), cfg)
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

// crowd opens n connections, does something to each, and waits until the
// server has them all.
func crowd(t *testing.T, srv *framework.Server, address string, n int, each func(net.Conn)) {
	t.Helper()
	for range n {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		each(conn)
	}
	assert.Eventually(t, func() bool { return srv.Stats().ConnectionsTotal >= uint64(n) }, 30*time.Second, 5*time.Millisecond)
	time.Sleep(50 * time.Millisecond) // for what was sent to be read
}

// A peer that announces the largest frame and sends none of it costs no more
// than any other.
//
//nolint:paralleltest // memory is measured for the whole process
func TestAnnouncedFramesCostNothing(t *testing.T) {
	srv, address := listen(t, quiet())
	n := scaled(300, 1000)
	before := inUse()
	crowd(t, srv, address, n, func(conn net.Conn) {
		_, err := conn.Write([]byte{0, 2, 0, 0, 'O'}) // 128 KiB to come
		require.NoError(t, err)
	})
	each := (inUse() - before) / uint64(n)
	t.Logf("%d connections, %d bytes each, both ends", n, each)
	assert.Less(t, each, uint64(24<<10), "a small buffer, two stacks, and the test's own end")
}

// An idle session holds no buffer, after a message either.
//
//nolint:paralleltest // memory is measured for the whole process
func TestIdleSessionsAreSmall(t *testing.T) {
	srv, address := listen(t, quiet())
	n := scaled(300, 4000)
	msg := &mta.Message{Header: []mta.Field{{Name: "From", Value: " a@example.org"}}, Body: make([]byte, 100<<10)}
	before := inUse()
	crowd(t, srv, address, n, func(conn net.Conn) {
		c := mta.NewConn(conn, mta.Config{})
		out, err := c.Send(t.Context(), msg)
		require.NoError(t, err)
		require.False(t, out.Verdict.Refuses())
	})
	each := (inUse() - before) / uint64(n)
	t.Logf("%d idle sessions, %d bytes each, both ends", n, each)
	assert.Less(t, each, uint64(32<<10))
}

// Peers that send a byte now and then do not keep others waiting, and are
// collected.
func TestSlowPeersAreCollected(t *testing.T) {
	t.Parallel()
	cfg := quiet()
	cfg.NegotiateTimeout = 2 * time.Second
	srv, address := listen(t, cfg)
	n := scaled(100, 1000)
	crowd(t, srv, address, n, func(conn net.Conn) {
		_, err := conn.Write([]byte{0})
		require.NoError(t, err)
	})
	c, err := mta.Dial(t.Context(), "inet:"+address, mta.Config{CommandTimeout: time.Second})
	require.NoError(t, err, "others are served")
	require.NoError(t, c.Close())
	assert.Eventually(t, func() bool { return srv.Stats().Connections == 0 }, 20*time.Second, 20*time.Millisecond)
}
