package framework_test

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// from is a connection from the host 192.0.2.1.
type from struct{ net.Conn }

func (from) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:25"))
}

// visitor connects to a server whose admission is limited, stays for the given time if it
// is served, and reports whether it was.
func visitor(t *testing.T, srv *framework.Server, stay time.Duration) bool {
	t.Helper()
	mtaEnd, filterEnd := miltertest.Pipe()
	go srv.ServeConn(from{filterEnd})
	conn := mta.NewConn(mtaEnd, mta.Config{CommandTimeout: time.Hour})
	served := conn.Negotiate(t.Context()) == nil
	if served {
		time.Sleep(stay)
	}
	_ = conn.Close()
	return served
}

// lines is a handler that keeps the lines of a log at the level Info and above, with the
// values of some attributes.
type lines struct {
	mu   sync.Mutex
	list []string
}

func (*lines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler             { return l }
func (l *lines) WithGroup(string) slog.Handler                  { return l }

func (l *lines) Handle(_ context.Context, record slog.Record) error {
	text := record.Level.String() + " " + record.Message
	record.Attrs(func(a slog.Attr) bool {
		if slices.Contains([]string{"limit", "outcome", "waited", "refused", "closed", "lasted"}, a.Key) {
			text += " " + a.String()
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, text)
	return nil
}

// While connections exceed a limit, the log has one line when that begins and one when it
// is over, however many connections there are.
func TestOverLimitIsLoggedOnce(t *testing.T) {
	t.Parallel()
	busy := framework.MustReply(421, "4.3.2", "busy")
	for name, c := range map[string]struct {
		admission framework.Admission
		want      []string
	}{
		"they wait": {framework.Admission{MaxSessions: 1}, []string{
			"WARN too many sessions limit=MaxSessions outcome=accepts no connection until a session ends",
			"INFO sessions are below the limit limit=MaxSessions waited=99 refused=0 closed=0 lasted=16m30s",
		}},
		"they are refused, and more of them closed": {framework.Admission{MaxSessions: 1, OverLimit: busy}, []string{
			"WARN too many sessions limit=MaxSessions outcome=replies with OverLimit",
			"INFO sessions are below the limit limit=MaxSessions waited=0 refused=1 closed=98 lasted=0s",
		}},
		"those of a peer are closed": {framework.Admission{MaxPerPeer: 1}, []string{
			"WARN too many sessions limit=MaxPerPeer outcome=closes the connection",
			"INFO sessions are below the limit limit=MaxPerPeer waited=0 refused=0 closed=99 lasted=0s",
		}},
		"those of a peer are refused": {framework.Admission{MaxPerPeer: 1, MaxSessions: 500, OverLimit: busy}, []string{
			"WARN too many sessions limit=MaxPerPeer outcome=replies with OverLimit",
			"INFO sessions are below the limit limit=MaxPerPeer waited=0 refused=99 closed=0 lasted=0s",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, log := limited(t, c.admission)
				for range 100 {
					go visitor(t, srv, 10*time.Second)
				}
				time.Sleep(time.Hour)
				assert.Equal(t, c.want, log())
				assert.True(t, visitor(t, srv, 0))
				time.Sleep(time.Hour)
				assert.Equal(t, c.want, log(), "one that exceeds no limit is not logged")
				for range 2 {
					go visitor(t, srv, 10*time.Second)
				}
				time.Sleep(time.Hour)
				assert.Len(t, log(), 2*len(c.want), "another time is logged again")
				assert.Equal(t, uint64(100), srv.Stats().OverLimit)
				require.NoError(t, srv.Close())
			})
		})
	}
}

// limited returns a server whose admission is limited, and a function that returns the
// lines of its log.
func limited(t *testing.T, a framework.Admission) (*framework.Server, func() []string) {
	t.Helper()
	var log lines
	cfg := framework.Config{Logger: slog.New(&log), Admission: a}
	return newServer(t, headerFilter(), cfg), func() []string {
		synctest.Wait()
		log.mu.Lock()
		defer log.mu.Unlock()
		return slices.Clone(log.list)
	}
}

// A server that goes up to a limit and below it all the time does not write a line each
// time. What it has not said yet, it says when it is closed.
func TestOverLimitNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, log := limited(t, framework.Admission{MaxSessions: 1})
		for range 100 {
			for range 2 {
				go visitor(t, srv, 10*time.Second)
			}
			time.Sleep(30 * time.Second)
		}
		assert.Equal(t, []string{"WARN too many sessions limit=MaxSessions outcome=accepts no connection until a session ends"}, log())
		require.NoError(t, srv.Shutdown(t.Context()))
		assert.Equal(t, "INFO sessions are below the limit limit=MaxSessions waited=100 refused=0 closed=0 lasted=49m40s", log()[1])
		require.NoError(t, srv.Close())
		time.Sleep(time.Hour)
		assert.Len(t, log(), 2)
	})
}

// As long as a connection waits, the limit is exceeded, though nothing happens.
func TestOverLimitWhileOneWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, log := limited(t, framework.Admission{MaxSessions: 1})
		for range 2 {
			go visitor(t, srv, time.Hour)
		}
		time.Sleep(time.Hour - time.Second)
		assert.Len(t, log(), 1)
		time.Sleep(10 * time.Minute)
		assert.Equal(t, "INFO sessions are below the limit limit=MaxSessions waited=1 refused=0 closed=0 lasted=1h0m0s", log()[1])
		require.NoError(t, srv.Shutdown(t.Context()))
		time.Sleep(time.Hour)
	})
}

// A slow log does not hold up the server: a line is written while no lock is held.
func TestOverLimitIsLoggedWithoutTheLock(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]framework.Admission{"waits": {MaxSessions: 1}, "is closed": {MaxPerPeer: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var srv *framework.Server
			h := &callsAtLine{Handler: slog.DiscardHandler, call: func() { assert.NoError(t, srv.Close()) }}
			srv = newServer(t, headerFilter(), framework.Config{Logger: slog.New(h), Admission: a})
			mtaEnd, filterEnd := miltertest.Pipe()
			go srv.ServeConn(from{filterEnd})
			require.NoError(t, mta.NewConn(mtaEnd, mta.Config{}).Negotiate(t.Context()))
			_, second := miltertest.Pipe()
			srv.ServeConn(from{second}) // returns, because the server was closed
			assert.Equal(t, 2, h.lines, "it begins and ends")
		})
	}
}

// callsAtLine is a handler that calls a function at each line about sessions.
type callsAtLine struct {
	slog.Handler

	call  func()
	lines int
}

func (*callsAtLine) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (h *callsAtLine) Handle(_ context.Context, line slog.Record) error {
	if strings.Contains(line.Message, "sessions") {
		h.lines++
		h.call()
	}
	return nil
}

// closingListener accepts a connection, and another one just before it is closed.
type closingListener struct {
	conns  []net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *closingListener) Accept() (net.Conn, error) {
	if len(l.conns) < 2 {
		<-l.closed
	}
	if len(l.conns) == 0 {
		return nil, net.ErrClosed
	}
	conn := l.conns[0]
	l.conns = l.conns[1:]
	return conn, nil
}

func (l *closingListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (*closingListener) Addr() net.Addr { return &net.UnixAddr{Name: "late", Net: "unix"} }

// A connection that the listener accepted before Shutdown closed it begins no line that
// ends after the server.
func TestOverLimitWhileShutdownBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, log := limited(t, framework.Admission{MaxPerPeer: 1})
		first, served := miltertest.Pipe()
		second, late := miltertest.Pipe()
		ln := &closingListener{conns: []net.Conn{from{served}, from{late}}, closed: make(chan struct{})}
		go func() { assert.ErrorIs(t, srv.Serve(ln), framework.ErrServerClosed) }()
		synctest.Wait()
		done := make(chan error)
		go func() { done <- srv.Shutdown(t.Context()) }()
		synctest.Wait()
		_, err := second.Read(make([]byte, 1))
		require.Error(t, err, "it is closed")
		require.NoError(t, first.Close())
		require.NoError(t, <-done)
		time.Sleep(time.Hour)
		for _, line := range log() {
			assert.NotContains(t, line, "limit=")
		}
		assert.Equal(t, uint64(1), srv.Stats().OverLimit)
	})
}
