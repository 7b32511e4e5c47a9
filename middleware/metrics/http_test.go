package metrics_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/middleware/metrics"
)

func TestHandler(t *testing.T) {
	t.Parallel()
	_, registry := measured(t)
	yes, no := func() bool { return true }, func() bool { return false }
	for name, c := range map[string]struct {
		ready  func() bool
		method string
		path   string
		status int
		body   string
	}{
		"healthy":          {no, http.MethodGet, "/healthz", 200, "ok\n"},
		"ready":            {yes, http.MethodGet, "/readyz", 200, "ok\n"},
		"always ready":     {nil, http.MethodGet, "/readyz", 200, "ok\n"},
		"not ready":        {no, http.MethodGet, "/readyz", 503, "not ready\n"},
		"by head":          {yes, http.MethodHead, "/readyz", 200, ""},
		"metrics":          {yes, http.MethodGet, "/metrics", 200, "sluice_recipients_total 0\n"},
		"no such path":     {yes, http.MethodGet, "/debug/pprof", 404, ""},
		"below a path":     {yes, http.MethodGet, "/healthz/x", 404, ""},
		"no such method":   {yes, http.MethodPost, "/metrics", 405, ""},
		"no method at all": {yes, "BREW", "/healthz", 405, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			metrics.Handler(registry, c.ready).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil))
			assert.Equal(t, c.status, w.Code)
			assert.Contains(t, w.Body.String(), c.body)
		})
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	srv := metrics.NewServer("127.0.0.1:0", metrics.Handler(prometheus.NewRegistry(), nil))
	assert.NotZero(t, srv.ReadHeaderTimeout)
	assert.NotZero(t, srv.WriteTimeout)
	assert.NotZero(t, srv.IdleTimeout)
	front := httptest.NewUnstartedServer(nil)
	front.Config = srv
	front.Start()
	defer front.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+"/healthz", nil)
	require.NoError(t, err)
	res, err := front.Client().Do(req)
	require.NoError(t, err)
	defer func() { assert.NoError(t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Equal(t, "ok\n", string(body))
}
