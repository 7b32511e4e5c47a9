package framework_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// bodyOf replaces the body by n bytes, in one of the two possible ways.
func bodyOf(n int, streamed bool) *framework.Router {
	r := framework.NewRouter()
	body := bytes.Repeat([]byte("0123456789abcde\n"), n/17)
	g := r.GrantReplaceBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		if streamed {
			return framework.Continue, g.ReplaceFrom(s, bytes.NewReader(body))
		}
		return framework.Continue, g.Replace(s, body)
	})
	return r
}

// askOverTCP serves the router on TCP, and has an MTA send the end of a message
// without reading the reply.
func askOverTCP(t *testing.T, r *framework.Router, cfg framework.Config) (*framework.Server, *mta.Conn, net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := newServer(t, r, cfg)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		assert.NoError(t, srv.Close())
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	})
	conn, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	peer := mta.NewConn(conn, mta.Config{})
	require.NoError(t, peer.Negotiate(t.Context()))
	peer.Frame(byte(wire.CmdBodyEOB), nil)
	require.NoError(t, peer.Flush(t.Context()))
	return srv, peer, conn
}

// An MTA that reads late and in small pieces receives a large body completely.
func TestWriteWaits(t *testing.T) {
	t.Parallel()
	const size = 17 * 600_000
	for name, streamed := range map[string]bool{"whole": false, "streamed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, peer, _ := askOverTCP(t, bodyOf(size, streamed), quiet())
			time.Sleep(50 * time.Millisecond) // until the filter has filled the sockets and waits
			got := 0
			for {
				reply, err := peer.ReadReply(t.Context())
				require.NoError(t, err)
				chunk, ok := reply.(*wire.ReplaceBody)
				if !ok {
					assert.Equal(t, wire.RepContinue, reply.ReplyCode())
					break
				}
				got += len(chunk.Chunk)
			}
			assert.Equal(t, size, got, "with its lines ended by CRLF")
		})
	}
}

// An MTA that does not read loses its connection. The server continues.
func TestWriteTimeout(t *testing.T) {
	t.Parallel()
	for name, streamed := range map[string]bool{"whole": false, "streamed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := quiet()
			cfg.WriteTimeout = 100 * time.Millisecond
			srv, _, conn := askOverTCP(t, bodyOf(17*600_000, streamed), cfg)
			require.Eventually(t, func() bool { return srv.Stats().Connections == 0 }, time.Minute, 10*time.Millisecond)
			n, _ := io.Copy(io.Discard, conn)
			assert.Less(t, n, int64(17*600_000))
		})
	}
}
