package operations_test

import (
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
)

// breaking is the MTA's end of a connection. It breaks after a number of bytes.
// The server's end is a socket as in production, so that the server can bypass
// the connection's Read and Write.
type breaking struct {
	net.Conn

	reading bool // it is the bytes that are read that are counted
	at      int
	do      func(net.Conn) error
	count   int
	broken  bool
}

// upTo returns how many of n bytes may pass before the break, and whether these
// bytes reach the break.
func (b *breaking) upTo(n int, reading bool) (int, bool) {
	if b.broken || b.reading != reading || b.count+n < b.at {
		return n, false
	}
	return b.at - b.count, true
}

func (b *breaking) Write(p []byte) (n int, err error) {
	most, strike := b.upTo(len(p), false)
	if n, err = b.Conn.Write(p[:most]); !b.reading {
		b.count += n
	}
	if !strike || err != nil {
		return n, err
	}
	b.broken = true
	if err := b.do(b.Conn); err != nil {
		return n, err
	}
	rest, err := b.Conn.Write(p[n:])
	return n + rest, err
}

func (b *breaking) Read(p []byte) (n int, err error) {
	most, strike := b.upTo(len(p), true)
	if most > 0 {
		if n, err = b.Conn.Read(p[:most]); b.reading {
			b.count += n
		}
	}
	if strike && n == most && err == nil {
		b.broken = true
		err = b.do(b.Conn)
	}
	return n, err
}

// breaks are the ways in which a connection can end.
func breaks() map[string]func(net.Conn) error {
	return map[string]func(net.Conn) error{
		"closed":      net.Conn.Close,
		"reset":       reset,
		"half closed": func(conn net.Conn) error { return conn.(interface{ CloseWrite() error }).CloseWrite() },
	}
}

// reset closes the connection so that the other end sees an error instead of an
// end of file. On a unix socket this happens only if unread data remains.
func reset(conn net.Conn) error {
	if tcp, ok := conn.(*net.TCPConn); ok {
		return errors.Join(tcp.SetLinger(0), tcp.Close())
	}
	return conn.Close()
}

// At whatever byte an MTA's connection breaks, the session ends, no message
// gets a wrong reply, and nothing is leaked.
//
//nolint:paralleltest // descriptors are counted for the whole process
func TestBreaks(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			srv, dial := careless(t, network)
			sent, read := &breaking{Conn: dial()}, &breaking{Conn: dial(), reading: true}
			sent.broken, read.broken = true, true
			require.Equal(t, 3, faultySession(t, sent))
			require.Equal(t, 3, faultySession(t, read))
			before := descriptors()
			for name, do := range breaks() {
				for at := 0; at <= sent.count; at += scaled(5, 1) {
					whole := faultySession(t, &breaking{Conn: dial(), at: at, do: do}) == 3
					assert.Equal(t, at == sent.count, whole, "%s after %d bytes sent", name, at)
				}
				for at := 0; at <= read.count; at += scaled(5, 1) {
					faultySession(t, &breaking{Conn: dial(), at: at, do: do, reading: true})
				}
			}
			assert.Eventually(t, func() bool { return srv.Stats().Connections == 0 }, time.Minute, time.Millisecond)
			stats := srv.Stats()
			t.Logf("%d connections, %d bytes sent and %d read in each", stats.ConnectionsTotal, sent.count, read.count)
			assert.Equal(t, framework.Stats{ConnectionsTotal: stats.ConnectionsTotal, MessagesTotal: stats.MessagesTotal}, stats,
				"no message is open, nothing is kept, and nobody is to blame")
			assert.Eventually(t, func() bool { return descriptors() <= before }, time.Minute, 10*time.Millisecond, "descriptors are left open")
		})
	}
}

// careless serves the filter of these tests on a socket until the test ends.
func careless(t *testing.T, network string) (srv *framework.Server, dial func() net.Conn) {
	t.Helper()
	r, cfg := careful()
	srv = newServer(t, r, cfg)
	address := map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")}[network]
	ln, err := net.Listen(network, address)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	})
	return srv, func() net.Conn {
		conn, err := net.Dial(network, ln.Addr().String())
		require.NoError(t, err)
		return conn
	}
}

// dribble sends each byte separately.
type dribble struct{ net.Conn }

func (d dribble) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := d.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// Nothing is lost if each Read returns few bytes.
func TestByteByByte(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			_, dial := careless(t, network)
			conn := dial()
			if tcp, ok := conn.(*net.TCPConn); ok {
				require.NoError(t, tcp.SetNoDelay(true))
			}
			assert.Equal(t, 3, faultySession(t, dribble{conn}))
		})
	}
}
