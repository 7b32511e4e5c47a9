//go:build integration

package integration_test

import (
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/counts"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// gate is a socket that an MTA knows, with a filter behind it that can be
// changed: each connection is served by the filter of the moment. So one MTA
// does for many filters, and need not be told.
type gate struct {
	listener net.Listener
	behind   string // the MTA's name
	running  sync.WaitGroup

	mu       sync.Mutex
	current  *framework.Server
	all      []*framework.Server
	sessions int
}

// openGate opens a gate on "tcp" or "unix" until the test ends. It needs a
// filter before the MTA has a client.
func openGate(t *testing.T, mta realmta.MTA, network string) *gate {
	t.Helper()
	return newGate(t, mta.Listen(t, network), mta.Name())
}

func newGate(t *testing.T, listener net.Listener, mta string) *gate {
	t.Helper()
	g := &gate{listener: listener, behind: mta}
	g.running.Go(g.accept)
	t.Cleanup(func() {
		_ = g.listener.Close()
		for _, srv := range g.all {
			_ = srv.Close()
		}
		g.running.Wait()
		counts.Add(t, len(g.all), fmt.Sprintf("integration: filters served to %s over %s", g.behind, listener.Addr().Network()))
		counts.Add(t, g.sessions, fmt.Sprintf("integration: milter sessions with %s over %s", g.behind, listener.Addr().Network()))
	})
	return g
}

func (g *gate) addr() net.Addr { return g.listener.Addr() }

func (g *gate) accept() {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.mu.Lock()
		srv := g.current
		g.sessions++
		g.mu.Unlock()
		g.running.Go(func() { srv.ServeConn(conn) })
	}
}

// serve puts a filter behind the gate, for the connections to come.
func (g *gate) serve(t *testing.T, r *framework.Router) { t.Helper(); g.serveConfig(t, r, quiet()) }

func (g *gate) serveConfig(t *testing.T, r *framework.Router, cfg framework.Config) {
	t.Helper()
	srv, err := framework.NewServer(r, cfg)
	require.NoError(t, err)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.current, g.all = srv, append(g.all, srv)
}

// quiet is a configuration that logs nothing and shows whoever keeps what was
// lent to him.
func quiet() framework.Config {
	return framework.Config{Logger: slog.New(slog.DiscardHandler), PoisonLent: true}
}

// networks are the two ways to a filter.
func networks() []string { return []string{"tcp", "unix"} }

// behind starts an MTA and a gate that it knows.
func behind(t *testing.T, start func(testing.TB) realmta.MTA, network string) (realmta.MTA, *gate) {
	t.Helper()
	mta := start(t)
	g := openGate(t, mta, network)
	mta.SetFilters(t, g.addr())
	return mta, g
}

// dial connects and says EHLO, which must succeed.
func dial(t *testing.T, mta realmta.MTA) *realmta.Client {
	t.Helper()
	c := realmta.DialSMTP(t, mta.Addr())
	code, text := c.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
	return c
}
