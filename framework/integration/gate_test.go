//go:build integration

package integration_test

import (
	"fmt"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/counts"
	"github.com/sluicemail/sluice/framework/internal/poison"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// gate is a realmta.Gate. Its filters stay open as long as the gate, so that no
// filter is closed while the MTA uses it.
type gate struct {
	*realmta.Gate
	all []*framework.Server
}

// openGate opens a gate on "tcp" or "unix" until the test ends. The gate needs
// a filter before the first client of the MTA.
func openGate(t *testing.T, mta realmta.MTA, network string) *gate {
	t.Helper()
	return newGate(t, mta.Listen(t, network), mta.Name())
}

func newGate(t *testing.T, listener net.Listener, mta string) *gate {
	t.Helper()
	g := new(gate)
	t.Cleanup(func() { // when all is over
		where := fmt.Sprintf("%s over %s", mta, listener.Addr().Network())
		counts.Add(t, len(g.all), "integration: filters served to "+where)
		counts.Add(t, g.Sessions(), "integration: milter sessions with "+where)
	})
	g.Gate = realmta.OpenGate(t, listener)
	t.Cleanup(func() {
		for _, srv := range g.all {
			_ = srv.Close()
		}
	})
	return g
}

// serve puts a filter behind the gate for all later connections.
func (g *gate) serve(t *testing.T, r *framework.Router) { t.Helper(); g.serveConfig(t, r, quiet()) }

func (g *gate) serveConfig(t *testing.T, r *framework.Router, cfg framework.Config) {
	t.Helper()
	srv, err := framework.NewServer(r, cfg)
	require.NoError(t, err)
	g.all = append(g.all, srv)
	g.Serve(func(conn net.Conn) { srv.ServeConn(poison.Conn(conn)) })
}

// quiet is a configuration that logs nothing and detects code that retains
// borrowed data.
func quiet() framework.Config {
	return framework.Config{Logger: slog.New(slog.DiscardHandler)}
}

// networks are the two networks between MTA and filter.
func networks() []string { return []string{"tcp", "unix"} }

// behind starts an MTA and a gate that the MTA uses.
func behind(t *testing.T, start func(testing.TB) realmta.MTA, network string) (realmta.MTA, *gate) {
	t.Helper()
	mta := start(t)
	g := openGate(t, mta, network)
	mta.SetFilters(t, g.Addr())
	return mta, g
}

// dial connects and sends EHLO, which must succeed.
func dial(t *testing.T, mta realmta.MTA) *realmta.Client {
	t.Helper()
	c := realmta.DialSMTP(t, mta.Addr())
	code, text := c.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
	return c
}
