package realmta

import (
	"errors"
	"net"
	"sync"
	"testing"
)

// Gate is a socket that an MTA knows, with a filter behind it that can be
// changed: each connection is served by the filter of the moment. So one MTA does
// for many filters, and need not be told.
type Gate struct {
	listener net.Listener
	running  sync.WaitGroup
	ended    error // of accepting

	mu       sync.Mutex
	serve    func(net.Conn)
	sessions int
}

// OpenGate opens a gate on a listener, such as one of [MTA.Listen], until the
// test ends. It then waits for the connections: the filters must have been closed
// by a cleanup of a later date. It needs a filter before the MTA has a client.
func OpenGate(t testing.TB, listener net.Listener) *Gate {
	t.Helper()
	g := &Gate{listener: listener}
	g.running.Go(g.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		g.running.Wait()
		if !errors.Is(g.ended, net.ErrClosed) {
			t.Errorf("realmta: %v", g.ended)
		}
	})
	return g
}

func (g *Gate) accept() {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			g.ended = err
			return
		}
		g.mu.Lock()
		serve := g.serve
		g.sessions++
		g.mu.Unlock()
		g.running.Go(func() { serve(conn) })
	}
}

// Serve has the connections to come served by a filter, such as a server's
// ServeConn.
func (g *Gate) Serve(serve func(net.Conn)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.serve = serve
}

// Addr returns the address of the gate, for [MTA.SetFilters].
func (g *Gate) Addr() net.Addr { return g.listener.Addr() }

// Sessions returns the number of connections that came.
func (g *Gate) Sessions() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sessions
}
