package monitor_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// get returns the status and the text of an HTTP response, or 0 if there is
// none.
func get(t *testing.T, address, path string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

func logTo(b *bytes.Buffer) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// TestLife shows that the monitor answers probes before the server is ready and
// after it has stopped.
func TestLife(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	lc := fxtest.NewLifecycle(t)
	m, err := monitor.New(lc, "127.0.0.1:0", logTo(&log))
	require.NoError(t, err)
	own := prometheus.NewCounter(prometheus.CounterOpts{Name: "own_total"})
	require.NoError(t, m.Register(own))
	own.Inc()
	lc.RequireStart()
	_, address, _ := strings.Cut(strings.TrimSpace(log.String()), `msg="serving metrics" address=`)
	ready := func() int {
		status, _ := get(t, address, "/readyz")
		return status
	}
	assert.Equal(t, http.StatusServiceUnavailable, ready(), "there is no server")

	var (
		server *framework.Server
		status *milterfx.Status
	)
	filter := miltertest.FilterFunc("quiet", func(r *framework.Router) error {
		r.ObserveHelo(func(*framework.Session, *framework.Helo) error { return nil })
		return nil
	})
	app := fxtest.New(t, milterfx.Module, fx.Supply(slog.New(slog.DiscardHandler), milterfx.Config{
		Listen: []string{"unix:" + filepath.Join(t.TempDir(), "x.sock")}, Use: m.Middleware(),
	}), milterfx.Filters(func() framework.Filter { return filter }), fx.Populate(&server, &status))
	require.NoError(t, m.Watch(server, status))
	assert.Equal(t, http.StatusServiceUnavailable, ready(), "it does not serve yet")
	app.RequireStart()
	assert.Equal(t, http.StatusOK, ready())
	_, text := get(t, address, "/metrics")
	assert.Contains(t, text, "\nown_total 1\n")
	assert.Contains(t, text, "\nsluice_connections_open 0\n")
	app.RequireStop()
	assert.Equal(t, http.StatusServiceUnavailable, ready(), "it has stopped")
	alive, _ := get(t, address, "/healthz")
	assert.Equal(t, http.StatusOK, alive)
	lc.RequireStop()
	assert.Zero(t, ready())
}

func TestNobodyAsks(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	lc := fxtest.NewLifecycle(t)
	m, err := monitor.New(lc, "", logTo(&log))
	require.NoError(t, err)
	assert.Empty(t, m.Middleware(), "counting costs nothing then")
	require.NoError(t, m.Watch(nil, new(milterfx.Status)))
	lc.RequireStart()
	lc.RequireStop()
	assert.Empty(t, log.String())
}

func TestWrongAddress(t *testing.T) {
	t.Parallel()
	lc := fxtest.NewLifecycle(t)
	_, err := monitor.New(lc, "9090", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, `metrics "9090": want an address and a port`)

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	_, err = monitor.New(lc, monitor.Address(ln.Addr().String()), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	assert.ErrorContains(t, lc.Start(t.Context()), "metrics: listen tcp")
	assert.NoError(t, lc.Stop(t.Context()))
}

// TestCollectors checks the metrics of the program itself.
func TestCollectors(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	lc := fxtest.NewLifecycle(t)
	m, err := monitor.New(lc, "127.0.0.1:0", logTo(&log))
	require.NoError(t, err)
	lc.RequireStart()
	defer lc.RequireStop()
	_, address, _ := strings.Cut(strings.TrimSpace(log.String()), `msg="serving metrics" address=`)
	_, text := get(t, address, "/metrics")
	for _, pattern := range []string{
		`sluice_build_info\{goversion="go1\.\S+",revision="\S+",version="\S+"\} 1`,
		`go_goroutines \d+`, `go_memstats_heap_alloc_bytes \S+`, `process_start_time_seconds \S+`,
		`process_open_fds \d+`, `process_resident_memory_bytes \S+`, `sluice_config_last_reload_successful 1`,
	} {
		assert.Regexp(t, `\n`+pattern+`\n`, text)
	}
	const time = "sluice_config_last_reload_success_timestamp_seconds "
	_, loaded, _ := strings.Cut(text, "\n"+time)
	m.Reloaded(false)
	_, text = get(t, address, "/metrics")
	assert.Contains(t, text, "\nsluice_config_last_reload_successful 0\n")
	assert.Contains(t, text, "\n"+time+strings.SplitAfter(loaded, "\n")[0], "the time of the last success stays")
	m.Reloaded(true)
	_, text = get(t, address, "/metrics")
	assert.Contains(t, text, "\nsluice_config_last_reload_successful 1\n")
	assert.NotContains(t, text, "\n"+time+strings.SplitAfter(loaded, "\n")[0])
}

func TestReloadWithoutAddress(t *testing.T) {
	t.Parallel()
	m, err := monitor.New(fxtest.NewLifecycle(t), "", logTo(new(bytes.Buffer)))
	require.NoError(t, err)
	m.Reloaded(false) // it does nothing that shows
}
