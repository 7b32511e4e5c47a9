package framework_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// A message that has begun is finished, however slow its client is. Idle
// sessions end after the grace period.
func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, allStages(), quiet())
		idle, busy := serveOne(t, srv), serveOne(t, srv)
		_, err := busy.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		done, began := make(chan error, 1), time.Now()
		go func() { done <- srv.Shutdown(t.Context()) }()
		_, err = idle.ReadReply(t.Context())
		require.Error(t, err)
		assert.Equal(t, framework.DefaultDrainGrace, time.Since(began), "the idle session has the grace")

		time.Sleep(10 * time.Minute)
		resp, _, err := busy.EndOfMessage(t.Context(), []byte("text"))
		require.NoError(t, err)
		assert.Equal(t, wire.RepContinue, resp.Code)
		time.Sleep(time.Second / 2)
		_, err = busy.Mail(t.Context(), "<b@example.org>")
		require.NoError(t, err, "a message that begins within the grace")
		resp, _, err = busy.EndOfMessage(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, wire.RepContinue, resp.Code)
		ended := time.Now()
		require.NoError(t, <-done)
		assert.Equal(t, framework.DefaultDrainGrace, time.Since(ended))
	})
}

// A peer that has not negotiated does not count as a session.
func TestShutdownOfASilentPeer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, allStages(), quiet())
		_, filterEnd := miltertest.Pipe()
		go srv.ServeConn(filterEnd)
		synctest.Wait()
		began := time.Now()
		require.NoError(t, srv.Shutdown(t.Context()))
		assert.Equal(t, framework.DefaultDrainGrace, time.Since(began))
	})
}

// Shutdown does not miss sessions that become idle at the same moment.
func TestShutdownRaces(t *testing.T) {
	t.Parallel()
	for i := range 100 {
		srv := newServer(t, allStages(), framework.Config{Logger: quiet().Logger, DrainGrace: time.Millisecond})
		conn, start := serveOne(t, srv), make(chan struct{})
		go func() {
			<-start
			for range i % 10 { // a short message
				conn.Frame('M', []byte("<a@example.org>\x00"))
				conn.Frame('A', nil)
				_ = conn.Flush(t.Context())
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		close(start)
		require.NoError(t, srv.Shutdown(ctx), "a session that was idle went on")
		cancel()
	}
}

// Shutdown closes the sessions that have not ended when the context ends.
func TestShutdownInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		var cause error
		stageTwins()[2].on(r, func(s *framework.Session) (framework.Verdict, error) {
			<-s.Context().Done()
			cause = context.Cause(s.Context())
			return framework.Continue, cause
		})
		srv := newServer(t, r, quiet())
		conn := serveOne(t, srv)
		conn.Frame('M', []byte("<a@example.org>\x00"))
		require.NoError(t, conn.Flush(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, srv.Shutdown(ctx), context.DeadlineExceeded)
		assert.Equal(t, 5*time.Second, time.Since(began))
		synctest.Wait()
		assert.ErrorIs(t, cause, framework.ErrServerClosed)
	})
}

// Shutdown waits for a reply that the framework sends on behalf of a handler.
func TestShutdownWithACaretaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, release := framework.NewRouter(), make(chan struct{})
		stageTwins()[2].observe(r, func(*framework.Session) (framework.Verdict, error) {
			<-release
			return framework.Continue, nil
		})
		srv := newServer(t, r, quiet())
		conn := serveOne(t, srv)
		_, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		require.NoError(t, conn.Flush(t.Context()))
		time.Sleep(time.Minute) // meanwhile the fallback owns the connection
		close(release)
		synctest.Wait()
		began := time.Now()
		require.NoError(t, srv.Shutdown(t.Context()))
		assert.LessOrEqual(t, time.Since(began), framework.DefaultDrainGrace)
		_, err = conn.ReadReply(t.Context())
		assert.Error(t, err)
	})
}

// During a shutdown, an MTA cannot begin another session on a connection that
// it keeps open.
func TestShutdownAtTheEndOfASession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, allStages(), quiet())
		conn := serveOne(t, srv)
		_, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		require.NoError(t, conn.Flush(t.Context()))
		done, began := make(chan error, 1), time.Now()
		go func() { done <- srv.Shutdown(t.Context()) }()
		synctest.Wait()
		_, _, err = conn.EndOfMessage(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, conn.QuitNC())
		_, err = conn.ReadReply(t.Context())
		require.Error(t, err)
		require.NoError(t, <-done)
		assert.Zero(t, time.Since(began), "without the grace")
	})
}

// dozing is a connection whose next call to set a read deadline takes a second,
// or until it is woken.
type dozing struct {
	net.Conn

	doze atomic.Bool
	wake chan struct{}
}

func (d *dozing) SetReadDeadline(at time.Time) error {
	if d.doze.CompareAndSwap(true, false) {
		select {
		case <-time.After(time.Second):
		case <-d.wake:
		}
	}
	return d.Conn.SetReadDeadline(at)
}

// If an earlier deadline passes while Shutdown is about to set another one, the
// session still gets its grace period.
func TestShutdownBesideADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, allStages(), quiet())
		mtaEnd, filterEnd := miltertest.Pipe()
		slow := &dozing{Conn: filterEnd, wake: make(chan struct{})}
		go srv.ServeConn(slow)
		conn := mta.NewConn(mtaEnd, mta.Config{CommandTimeout: time.Hour})
		require.NoError(t, conn.Negotiate(t.Context()))
		time.Sleep(10*time.Second - time.Millisecond) // just before the deadline of the negotiation
		slow.doze.Store(true)
		done, began := make(chan error, 1), time.Now()
		go func() { done <- srv.Shutdown(t.Context()) }()
		_, err := conn.ReadReply(t.Context())
		require.Error(t, err)
		took := time.Since(began)
		close(slow.wake)
		require.NoError(t, <-done)
		assert.Equal(t, framework.DefaultDrainGrace, took)
	})
}

// A second call of Shutdown does not give idle sessions more time.
func TestShutdownTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, allStages(), quiet())
		conn := serveOne(t, srv)
		began := time.Now()
		done := make(chan error, 3)
		for range cap(done) {
			go func() { done <- srv.Shutdown(t.Context()) }()
			time.Sleep(framework.DefaultDrainGrace / 4)
		}
		for range cap(done) {
			require.NoError(t, <-done)
		}
		assert.Equal(t, framework.DefaultDrainGrace, time.Since(began))
		_, err := conn.ReadReply(t.Context())
		assert.Error(t, err)
	})
}
