package metrics

import (
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler returns a handler for the requests of operators and orchestrators:
//
//	GET /metrics   the metrics of the gatherer
//	GET /healthz   200 while the process responds
//	GET /readyz    200 if ready, otherwise 503: send no new connections, but do not restart the process
//
// ready is called for each request of /readyz, and must be safe for concurrent
// use. It may be the method Ready of milterfx's Status. Nil means always ready.
// Serve the handler on a separate address that is not reachable from outside:
// see [NewServer].
func Handler(g prometheus.Gatherer, ready func() bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout, EnableOpenMetrics: true,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeStatus(w, true) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { writeStatus(w, ready == nil || ready()) })
	return mux
}

const (
	maxScrapes    = 4
	scrapeTimeout = 10 * time.Second
)

func writeStatus(w http.ResponseWriter, ok bool) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "not ready\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// NewServer returns a server for [Handler], with timeouts that protect it from
// slow clients. The caller starts it with ListenAndServe or Serve. The caller
// should call its Shutdown after the shutdown of the milter's server, so that
// /readyz reports 503 while the milter drains.
func NewServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr: addr, Handler: h,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 2 * scrapeTimeout, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
}
