package framework_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

func quiet() framework.Config {
	return framework.Config{Logger: slog.New(slog.DiscardHandler)}
}

func newServer(t *testing.T, r *framework.Router, cfg framework.Config) *framework.Server {
	t.Helper()
	srv, err := framework.NewServer(r, cfg)
	require.NoError(t, err)
	return srv
}

func TestServeOnSeveralListeners(t *testing.T) {
	t.Parallel()
	srv := newServer(t, headerFilter(), quiet())
	served := make(chan error, 3)
	var addrs []string
	for _, network := range []string{"tcp", "tcp", "unix"} {
		address := "127.0.0.1:0"
		if network == "unix" {
			address = t.TempDir() + "/s"
		}
		ln, err := net.Listen(network, address)
		require.NoError(t, err)
		go func() { served <- srv.Serve(ln) }()
		prefix := "unix:"
		if network == "tcp" {
			prefix = "inet:"
		}
		addrs = append(addrs, prefix+ln.Addr().String())
	}
	for _, addr := range addrs {
		conn, err := mta.Dial(t.Context(), addr, mta.Config{})
		require.NoError(t, err)
		for range 3 {
			out, err := conn.Send(t.Context(), letter())
			require.NoError(t, err)
			assert.False(t, out.Verdict.Refuses())
			assert.Len(t, out.Modifications, 1)
		}
		require.NoError(t, conn.Quit(t.Context()))
	}
	require.NoError(t, srv.Shutdown(t.Context()))
	for range addrs {
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	}
	for _, addr := range addrs {
		_, err := mta.Dial(t.Context(), addr, mta.Config{})
		assert.Error(t, err)
	}
}

func TestServeWrongRouter(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.OnMail(nil)
	_, err := framework.NewServer(r, framework.Config{})
	var mistake *framework.RegistrationError
	require.ErrorAs(t, err, &mistake)
}

// flakyListener fails to accept the given number of times before it works.
type flakyListener struct {
	net.Listener
	fails atomic.Int32
	err   error
	ready chan net.Conn
	once  sync.Once
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if l.fails.Add(-1) >= 0 {
		return nil, l.err
	}
	conn, ok := <-l.ready
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l *flakyListener) Close() error {
	if l.ready != nil {
		l.once.Do(func() { close(l.ready) })
	}
	return nil
}

func (*flakyListener) Addr() net.Addr { return &net.TCPAddr{} }

func TestAcceptFails(t *testing.T) {
	t.Parallel()
	t.Run("for a while", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			srv := newServer(t, allStages(), quiet())
			ln := &flakyListener{err: &net.OpError{Op: "accept", Err: os.NewSyscallError("accept", syscall.EMFILE)}, ready: make(chan net.Conn)}
			ln.fails.Store(12)
			served, began := make(chan error, 1), time.Now()
			go func() { served <- srv.Serve(ln) }()
			mtaEnd, filterEnd := miltertest.Pipe()
			ln.ready <- filterEnd
			took := time.Since(began)
			assert.Greater(t, took, time.Second, "it waits longer each time")
			assert.Less(t, took, 12*time.Second, "but not for ever")
			conn := mta.NewConn(mtaEnd, mta.Config{})
			require.NoError(t, conn.Negotiate(t.Context()))
			require.NoError(t, conn.Quit(t.Context()))
			require.NoError(t, srv.Shutdown(t.Context()))
			assert.ErrorIs(t, <-served, framework.ErrServerClosed)
		})
	})
	for _, errno := range []syscall.Errno{syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EPROTO, syscall.EHOSTUNREACH, syscall.ENETDOWN} {
		t.Run("once: "+errno.Error(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t, allStages(), quiet())
				ln := &flakyListener{err: &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", errno)}, ready: make(chan net.Conn)}
				ln.fails.Store(1)
				served := make(chan error, 1)
				go func() { served <- srv.Serve(ln) }()
				mtaEnd, filterEnd := miltertest.Pipe()
				time.Sleep(time.Second)
				require.Empty(t, served, "it goes on")
				ln.ready <- filterEnd
				require.NoError(t, mtaEnd.Close())
				require.NoError(t, srv.Shutdown(t.Context()))
				assert.ErrorIs(t, <-served, framework.ErrServerClosed)
			})
		})
	}
	t.Run("for good", func(t *testing.T) {
		t.Parallel()
		srv := newServer(t, allStages(), quiet())
		broken := errors.New("broken")
		ln := &flakyListener{err: broken}
		ln.fails.Store(1)
		assert.ErrorIs(t, srv.Serve(ln), broken)
	})
	t.Run("while it is closed", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			srv := newServer(t, allStages(), quiet())
			ln := &flakyListener{err: &net.OpError{Op: "accept", Err: os.NewSyscallError("accept", syscall.EMFILE)}}
			ln.fails.Store(1000)
			served := make(chan error, 1)
			go func() { served <- srv.Serve(ln) }()
			time.Sleep(10*time.Second + time.Millisecond)
			began := time.Now()
			require.NoError(t, srv.Close())
			assert.ErrorIs(t, <-served, framework.ErrServerClosed)
			assert.Less(t, time.Since(began), time.Second)
		})
	})
}

func TestClosedServer(t *testing.T) {
	t.Parallel()
	srv := newServer(t, allStages(), quiet())
	require.NoError(t, srv.Close())
	require.NoError(t, srv.Close(), "twice is no error")
	require.NoError(t, srv.Shutdown(t.Context()))
	mtaEnd, filterEnd := miltertest.Pipe()
	srv.ServeConn(filterEnd)
	_, err := mtaEnd.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "a connection after the end is closed")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.ErrorIs(t, srv.Serve(ln), framework.ErrServerClosed)
	_, err = ln.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
}

func TestCloseEndsHandlersAndConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var cause error
		r := framework.NewRouter()
		stageTwins()[2].on(r, func(s *framework.Session) (framework.Verdict, error) {
			<-s.Context().Done()
			cause = context.Cause(s.Context())
			return framework.Continue, cause
		})
		srv := newServer(t, r, quiet())
		busy, idle := serveOne(t, srv), serveOne(t, srv)
		busy.Frame('M', []byte("<a@example.org>\x00"))
		require.NoError(t, busy.Flush(t.Context()))
		synctest.Wait()
		require.NoError(t, srv.Close())
		synctest.Wait()
		require.ErrorIs(t, cause, framework.ErrServerClosed)
		for _, conn := range []*mta.Conn{busy, idle} {
			_, err := conn.ReadReply(t.Context())
			assert.Error(t, err)
		}
	})
}

// serveOne connects an MTA to a server and negotiates.
func serveOne(t *testing.T, srv *framework.Server) *mta.Conn {
	t.Helper()
	mtaEnd, filterEnd := miltertest.Pipe()
	go srv.ServeConn(filterEnd)
	conn := mta.NewConn(mtaEnd, mta.Config{})
	require.NoError(t, conn.Negotiate(t.Context()))
	return conn
}
