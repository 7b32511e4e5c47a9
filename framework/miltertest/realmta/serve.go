package realmta

import (
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
)

// Serve serves a router on a listener, such as one of [MTA.Listen], until the test ends or
// the server that it returns is closed. It logs nothing, unless cfg has a Logger. The test
// fails if the server cannot be created, or ends for another reason.
func Serve(t testing.TB, ln net.Listener, r *framework.Router, cfg framework.Config) *framework.Server {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	srv, err := framework.NewServer(r, cfg)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		assert.NoError(t, srv.Close())
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	})
	return srv
}
