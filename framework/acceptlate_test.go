package framework_test

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// lateListener accepts one more connection at the moment when it is closed.
type lateListener struct {
	net.Listener
	conn   net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *lateListener) Accept() (net.Conn, error) {
	<-l.closed
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l *lateListener) Close() error { l.once.Do(func() { close(l.closed) }); return nil }
func (*lateListener) Addr() net.Addr { return &net.UnixAddr{Name: "late", Net: "unix"} }

// An MTA that was accepted while Shutdown began is served, because its
// connection cannot be passed to the next process.
func TestShutdownServesWhatWasAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, allStages(), quiet())
		mtaEnd, filterEnd := miltertest.Pipe()
		ln := &lateListener{conn: filterEnd, closed: make(chan struct{})}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(ln) }()
		synctest.Wait()
		stopped := make(chan error, 1)
		go func() { stopped <- srv.Shutdown(t.Context()) }()
		time.Sleep(time.Millisecond)
		require.NoError(t, mtaEnd.SetDeadline(time.Now().Add(time.Minute)))
		_, err := mtaEnd.Write([]byte("\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff"))
		require.NoError(t, err)
		answer := make([]byte, 5)
		_, err = mtaEnd.Read(answer)
		require.NoError(t, err, "the negotiation is answered")
		assert.Equal(t, byte('O'), answer[4])
		require.NoError(t, mtaEnd.Close())
		require.NoError(t, <-stopped)
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	})
}
