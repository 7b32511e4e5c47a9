package metrics

import (
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves what operators and orchestrators ask for:
//
//	GET /metrics   the metrics that were gathered
//	GET /healthz   200 as long as the process answers
//	GET /readyz    200 when ready, else 503: take it out, but do not restart it
//
// ready is asked at each request, from any goroutine: milterfx's Status.Ready
// for instance. Nil means always ready. Serve it on an address of its own, which
// strangers do not reach: see [NewServer].
func Handler(g prometheus.Gatherer, ready func() bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout, EnableOpenMetrics: true,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, true) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { answer(w, ready == nil || ready()) })
	return mux
}

const (
	maxScrapes    = 4
	scrapeTimeout = 10 * time.Second
)

func answer(w http.ResponseWriter, ok bool) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "not ready\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// NewServer returns a server for [Handler] with timeouts that keep a slow client
// from holding it up. Start it with ListenAndServe or Serve, and stop it with
// Shutdown, after the milter's own, so that /readyz tells of the drain.
func NewServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr: addr, Handler: h,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 2 * scrapeTimeout, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
}
