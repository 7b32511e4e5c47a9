package main_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx/fxtest"

	main "github.com/sluicemail/sluice/examples/fxapp"
	"github.com/sluicemail/sluice/wire/mta"
)

// ask sends an HTTP request to a unix socket and returns the status, or 0 if
// there is no response.
func ask(t *testing.T, socket, path string) (status int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://fxapp"+path, nil)
	require.NoError(t, err)
	res, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

// The probes are not answered before the start and after the stop. In between,
// the process is alive, and it is ready except while it drains.
func TestProbes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket, health := filepath.Join(dir, "x.sock"), filepath.Join(dir, "health.sock")
	app := fxtest.New(t, main.Application(main.Settings{
		Listen: []string{"unix:" + socket}, Deny: denylist(t), Health: "unix:" + health, Stamp: "X-Seen", Drain: time.Minute,
	}, slog.New(slog.DiscardHandler)))
	answers := func(path string) int {
		status, _ := ask(t, health, path)
		return status
	}
	assert.Zero(t, answers("/healthz"))
	app.RequireStart()
	assert.Equal(t, http.StatusOK, answers("/readyz"))
	assert.Equal(t, http.StatusOK, answers("/healthz"))

	conn, err := mta.Dial(t.Context(), "unix:"+socket, mta.Config{})
	require.NoError(t, err)
	_, err = conn.Mail(t.Context(), "<ann@fine.example>")
	require.NoError(t, err)
	require.NoError(t, conn.Flush(t.Context()))
	require.Eventually(t, func() bool {
		_, body := ask(t, health, "/metrics")
		return strings.Contains(body, "\nsluice_messages_open 1\n")
	}, time.Minute, 5*time.Millisecond)

	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		app.RequireStop()
	}()
	require.Eventually(t, func() bool { return answers("/readyz") == http.StatusServiceUnavailable }, time.Minute, 5*time.Millisecond)
	assert.Equal(t, http.StatusOK, answers("/healthz"), "it is not to be killed")
	_, _, err = conn.EndOfMessage(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, conn.Quit(t.Context()))
	<-stopped
	assert.Zero(t, answers("/healthz"))
}
