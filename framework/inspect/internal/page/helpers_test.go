package page_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/internal/page/pagetest"
)

// began is when the last record of a mailbox began.
var began = time.Date(2026, time.November, 30, 9, 0, 0, 0, time.UTC)

// mailbox is a page with thirty records.
func mailbox(t *testing.T, config page.Config) *page.Handler {
	t.Helper()
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	h := page.New(pagetest.New(pagetest.Mailbox(30, began)...), config)
	t.Cleanup(func() { assert.NoError(t, h.Close()) })
	return h
}

// lockedBuffer is a buffer for the lines of a logger.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// change changes a request before it is sent.
type change func(*http.Request)

func header(name, value string) change {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func host(name string) change { return func(r *http.Request) { r.Host = name } }

func method(name string) change { return func(r *http.Request) { r.Method = name } }

// arrives lets a request arrive at an address of the server.
func arrives(address string) change {
	return func(r *http.Request) {
		local := net.TCPAddrFromAddrPort(addrPort(address))
		*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
	}
}

func from(address string) change { return func(r *http.Request) { r.RemoteAddr = address } }

func form(values string) change {
	return func(r *http.Request) {
		r.Method, r.Body = http.MethodPost, io.NopCloser(strings.NewReader(values))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
}

func cookies(of *http.Response) change {
	return func(r *http.Request) {
		for _, c := range of.Cookies() {
			r.AddCookie(c)
		}
	}
}

// outside is how a request arrives at a public address.
func outside(r *http.Request) {
	arrives("192.0.2.1:9001")(r)
	from("198.51.100.7:40000")(r)
	host("inspect.example.org:9001")(r)
}

// send sends a request, which arrives at a loopback address if no change says otherwise.
func send(t *testing.T, h http.Handler, path string, changes ...change) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:9001/", nil)
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(path, "?")
	r.RequestURI = path
	arrives("127.0.0.1:9001")(r)
	from("127.0.0.1:40000")(r)
	for _, c := range changes {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// body reads an answer.
func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return string(text)
}

// decode reads an answer in JSON.
func decode[T any](t *testing.T, resp *http.Response) (v T) {
	t.Helper()
	text := body(t, resp)
	require.Equal(t, http.StatusOK, resp.StatusCode, text)
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	return v
}
