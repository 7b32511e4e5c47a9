package monitor

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/middleware/metrics"
)

// Address is where a [Monitor] answers, such as 127.0.0.1:9090; if it is empty
// there is none.
type Address string

// CheckAddress reports whether an address has a host, which may be empty, and a
// port.
func CheckAddress(address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("metrics %q: want an address and a port, such as 127.0.0.1:9090", address)
	}
	return nil
}

// Monitor counts what filters do, and answers /metrics, /healthz and /readyz.
type Monitor struct {
	address  string
	log      *slog.Logger
	registry *prometheus.Registry
	metrics  *metrics.Metrics
	status   atomic.Pointer[milterfx.Status]
	http     *http.Server
}

// New returns a monitor that starts before the server, whose configuration asks
// for it, and stops after it: probes are answered while the server drains.
func New(lc fx.Lifecycle, address Address, log *slog.Logger) (*Monitor, error) {
	m := &Monitor{address: string(address), log: log, registry: prometheus.NewRegistry()}
	if address == "" {
		return m, nil
	}
	if err := CheckAddress(m.address); err != nil {
		return nil, err
	}
	var err error
	if m.metrics, err = metrics.New(metrics.Config{Registerer: m.registry}); err != nil {
		return nil, err
	}
	m.http = metrics.NewServer(m.address, metrics.Handler(m.registry, m.ready))
	lc.Append(fx.StartStopHook(m.start, m.http.Shutdown))
	return m, nil
}

// Middleware returns what counts, to be put around all filters; nothing where
// nobody asks for it.
func (m *Monitor) Middleware() []framework.Middleware {
	if m.metrics == nil {
		return nil
	}
	return []framework.Middleware{m.metrics.Middleware}
}

// Register has a filter's own figures shown too.
func (m *Monitor) Register(c prometheus.Collector) error { return m.registry.Register(c) }

// Watch says which server the monitor is about.
func (m *Monitor) Watch(srv *framework.Server, status *milterfx.Status) error {
	m.status.Store(status)
	if m.metrics == nil {
		return nil
	}
	return m.metrics.Watch(srv.Stats)
}

// ready reports whether mail is filtered. Without a server it is not, yet.
func (m *Monitor) ready() bool {
	status := m.status.Load()
	return status != nil && status.Ready()
}

func (m *Monitor) start() error {
	ln, err := net.Listen("tcp", m.address)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	m.log.Info("metrics", "address", ln.Addr().String())
	go func() {
		if err := m.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			m.log.Error("metrics are shown no more", "error", err)
		}
	}()
	return nil
}
