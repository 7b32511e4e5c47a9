package page

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/sluicemail/sluice/framework/internal/loglimit"
	"github.com/sluicemail/sluice/framework/printable"
)

// The limits of a Handler.
const (
	// MaxStreams is the number of browsers that can follow the list at the same time.
	MaxStreams = 32
	// StreamLife is how long a stream of events lasts. A browser then asks again, and one that
	// is dead has not held its seat for longer.
	StreamLife = 5 * time.Minute
	// maxReaders is the number of requests that read records at the same time.
	maxReaders = 4
	// writeTimeout limits the time in which a browser takes an answer, and eventTimeout an event.
	writeTimeout = 30 * time.Second
	eventTimeout = 10 * time.Second
)

// Handler is the page, and the API beside it.
type Handler struct {
	source   Source
	config   Config
	log      slog.Handler
	lines    loglimit.Limiter
	attempts attempts
	mux      *http.ServeMux
	files    files
	streams  chan struct{} // the seats of streams that are taken
	readers  chan struct{} // the seats of readers that are taken
	closing  context.Context
	close    context.CancelFunc
	once     sync.Once
}

// New returns a page that shows what a source has.
func New(source Source, config Config) *Handler {
	h := &Handler{
		source:  source,
		config:  config,
		log:     printable.Handler(cmp.Or(config.Logger, slog.Default()).Handler()),
		mux:     http.NewServeMux(),
		files:   embedded(),
		streams: make(chan struct{}, MaxStreams),
		readers: make(chan struct{}, maxReaders),
	}
	h.closing, h.close = context.WithCancel(context.Background())
	for _, view := range []string{"/{$}", "/message/{id}", "/server"} {
		h.mux.HandleFunc("GET "+view, h.shell)
	}
	h.mux.HandleFunc("GET /static/{name}", h.static)
	h.mux.HandleFunc("POST "+loginPath, h.login)
	h.mux.HandleFunc("GET /api/messages", h.messages)
	h.mux.HandleFunc("GET /api/messages/{id}", h.message)
	h.mux.HandleFunc("GET /api/messages/{id}/record", h.record)
	h.mux.HandleFunc("GET /api/messages/{id}/readable", h.readable)
	h.mux.HandleFunc("GET /api/server", h.server)
	h.mux.HandleFunc("GET /api/plan", h.plan)
	h.mux.HandleFunc("GET /api/events", h.events)
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, http.StatusNotFound, "there is nothing at this address")
	})
	return h
}

// Close ends the streams of events, which http.Server.Shutdown would wait for, and refuses new
// ones.
func (h *Handler) Close() error {
	h.once.Do(func() {
		h.close()
		h.lines.Flush()
	})
	return nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	// A ResponseWriter of a test has no deadlines.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	if path.Clean(r.URL.Path) != r.URL.Path {
		refuse(w, r, http.StatusNotFound, "there is nothing at this address")
		return
	}
	if !allowedMethod(r) {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, r, http.StatusMethodNotAllowed, "the methods are GET and HEAD")
		return
	}
	if status, why := h.admit(r); status != 0 {
		h.turnAway(w, r, status, why)
		return
	}
	if r.URL.Query().Has(tokenParam) && r.Method != http.MethodPost && !isAPI(r) {
		h.exchange(w, r)
		return
	}
	h.mux.ServeHTTP(w, r)
}

// secure sets the headers that keep an answer from running or loading anything, and other
// sites from using it.
func secure(header http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
			"img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; " +
			"require-trusted-types-for 'script'; trusted-types 'none'",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	} {
		header.Set(name, value)
	}
}

// allowedMethod reports whether a request may have its method: nothing can be changed here.
func allowedMethod(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return true
	case http.MethodPost:
		return r.URL.Path == loginPath
	}
	return false
}

// isAPI reports whether a request is that of a program, or of a script of the page.
func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/") }
