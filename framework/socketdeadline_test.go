package framework_test

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// On sockets, the server sets a deadline only if a read must wait. The
// deadlines work as on other connections: a peer that sends a byte now and then
// does not extend them.
func TestSocketDeadlines(t *testing.T) {
	t.Parallel()
	const limit = 200 * time.Millisecond
	mail := raw('M', "<a@example.org>\x00")
	tests := map[string]struct {
		atOnce []byte
		slowly byte // the code of a long frame that is sent byte by byte
	}{
		"nothing":                 {},
		"an offer slowly":         {slowly: 'O'},
		"nothing after the offer": {atOnce: opening(t)},
		"nothing in a message":    {atOnce: append(opening(t), mail...)},
		"a command slowly":        {atOnce: opening(t), slowly: 'M'},
		"a recipient slowly":      {atOnce: append(opening(t), mail...), slowly: 'R'},
		"a chunk slowly":          {atOnce: append(opening(t), mail...), slowly: 'B'},
	}
	for name, tt := range tests {
		for _, network := range []string{"tcp", "unix"} {
			t.Run(name+" on "+network, func(t *testing.T) {
				t.Parallel()
				cfg := quiet()
				cfg.NegotiateTimeout, cfg.IdleTimeout, cfg.FrameTimeout = limit, limit, limit
				address := serveSocket(t, network, allStages(), cfg)
				began := time.Now() // the server may accept the connection before Dial returns
				conn, err := net.Dial(network, address)
				require.NoError(t, err)
				_, err = conn.Write(tt.atOnce)
				require.NoError(t, err)
				dribbled := make(chan struct{})
				go func() {
					defer close(dribbled)
					for i := 0; tt.slowly != 0 && err == nil; i++ {
						time.Sleep(limit / 10)
						_, err = conn.Write(append([]byte{0, 0, 0xff, 0xff, tt.slowly}, make([]byte, 1<<10)...)[i : i+1])
					}
				}()
				_, _ = io.Copy(io.Discard, conn)
				assert.GreaterOrEqual(t, time.Since(began), limit)
				assert.Less(t, time.Since(began), limit+time.Minute)
				require.NoError(t, conn.Close())
				<-dribbled
			})
		}
	}
}

// TestAtTheDeadline sends commands exactly at the deadline. The server replies
// to each, or closes the connection.
func TestAtTheDeadline(t *testing.T) {
	t.Parallel()
	const limit = 20 * time.Millisecond
	cfg := quiet()
	cfg.IdleTimeout = limit
	address := "inet:" + serveSocket(t, "tcp", allStages(), cfg)
	answered, closed := 0, 0
	for i := range 41 {
		conn, err := mta.Dial(t.Context(), address, mta.Config{CommandTimeout: time.Minute})
		require.NoError(t, err)
		time.Sleep(limit + time.Duration(i-30)*100*time.Microsecond + time.Duration(i/40)*limit)
		if resp, err := conn.Mail(t.Context(), "<a@example.org>"); err != nil {
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)
			closed++
		} else {
			assert.Equal(t, wire.RepContinue, resp.Code)
			answered++
		}
		_ = conn.Close()
	}
	t.Logf("%d answered, %d closed", answered, closed)
	assert.Positive(t, closed, "the last one is late for certain")
}

// Shutdown wakes sessions on sockets. It does not end a session within a
// message.
func TestSocketsDrain(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			const grace = 200 * time.Millisecond
			cfg := quiet()
			cfg.DrainGrace = grace
			ln, err := net.Listen(network, map[string]string{"tcp": "127.0.0.1:0", "unix": t.TempDir() + "/s"}[network])
			require.NoError(t, err)
			srv := newServer(t, allStages(), cfg)
			go func() { _ = srv.Serve(ln) }()
			connect := func() *mta.Conn {
				conn, err := net.Dial(network, ln.Addr().String())
				require.NoError(t, err)
				c := mta.NewConn(conn, mta.Config{CommandTimeout: time.Minute})
				require.NoError(t, c.Negotiate(t.Context()))
				return c
			}
			idle, busy := connect(), connect()
			_, err = busy.Mail(t.Context(), "<a@example.org>")
			require.NoError(t, err)
			require.NoError(t, busy.Flush(t.Context()))
			require.Eventually(t, func() bool { return srv.Stats().MessagesOpen == 1 }, time.Minute, time.Millisecond)

			done, began := make(chan error, 2), time.Now()
			for range 2 { // a second call changes nothing
				go func() { done <- srv.Shutdown(context.Background()) }()
			}
			_, err = idle.ReadReply(t.Context())
			require.Error(t, err)
			assert.GreaterOrEqual(t, time.Since(began), grace)
			assert.Less(t, time.Since(began), grace+time.Minute)
			time.Sleep(2 * grace)
			resp, _, err := busy.EndOfMessage(t.Context(), nil)
			require.NoError(t, err, "the message in flight finishes")
			assert.Equal(t, wire.RepContinue, resp.Code)
			require.NoError(t, <-done)
			require.NoError(t, <-done)
			_ = idle.Close()
			_ = busy.Close()
		})
	}
}
