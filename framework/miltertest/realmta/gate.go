package realmta

import (
	"errors"
	"net"
	"sync"
	"testing"
)

// Gate is a listener that an MTA is configured to use as its filter. The test
// can change the filter that serves its connections without reconfiguring the
// MTA, so one MTA can be used for many filters.
type Gate struct {
	listener  net.Listener
	running   sync.WaitGroup
	acceptErr error

	mu       sync.Mutex
	serve    func(net.Conn)
	sessions int
}

// OpenGate accepts connections on a listener, such as one of [MTA.Listen],
// until the test ends. The caller must call [Gate.Serve] before an SMTP client
// connects to the MTA.
//
// When the test ends, the gate waits until its connections have ended. The
// filters must therefore be closed by cleanups that were registered after
// OpenGate.
func OpenGate(t testing.TB, listener net.Listener) *Gate {
	t.Helper()
	g := &Gate{listener: listener}
	g.running.Go(g.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		g.running.Wait()
		if !errors.Is(g.acceptErr, net.ErrClosed) {
			t.Errorf("realmta: accepting the MTA's connections: %v", g.acceptErr)
		}
	})
	return g
}

func (g *Gate) accept() {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			g.acceptErr = err
			return
		}
		g.mu.Lock()
		serve := g.serve
		g.sessions++
		g.mu.Unlock()
		g.running.Go(func() { serve(conn) })
	}
}

// Serve sets the function that serves new connections, such as a server's
// ServeConn.
func (g *Gate) Serve(serve func(net.Conn)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.serve = serve
}

// Addr returns the gate's address, for [MTA.SetFilters].
func (g *Gate) Addr() net.Addr { return g.listener.Addr() }

// Sessions returns the number of connections that the gate has accepted.
func (g *Gate) Sessions() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sessions
}
