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

// Address is the TCP address on which a [Monitor] serves HTTP, such as
// 127.0.0.1:9090. If it is empty, the monitor serves nothing.
type Address string

// CheckAddress returns an error if an address does not consist of a host, which
// may be empty, and a port.
func CheckAddress(address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("metrics %q: want an address and a port, such as 127.0.0.1:9090", address)
	}
	return nil
}

// Monitor counts what the filters do, and serves /metrics, /healthz and /readyz.
type Monitor struct {
	address  string
	log      *slog.Logger
	registry *prometheus.Registry
	metrics  *metrics.Metrics
	status   atomic.Pointer[milterfx.Status]
	http     *http.Server
}

// New returns a monitor. The server's configuration depends on the monitor, so
// fx starts it before the server and stops it after the server. Thus it answers
// probes while the server drains.
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

// Middleware returns the middleware that counts, which belongs around all
// filters. It returns nil if the monitor has no address.
func (m *Monitor) Middleware() []framework.Middleware {
	if m.metrics == nil {
		return nil
	}
	return []framework.Middleware{m.metrics.Middleware}
}

// Register adds a filter's own metrics to /metrics.
func (m *Monitor) Register(c prometheus.Collector) error { return m.registry.Register(c) }

// Watch makes the monitor report on the server. It is called once, before the
// server starts.
func (m *Monitor) Watch(srv *framework.Server, status *milterfx.Status) error {
	m.status.Store(status)
	if m.metrics == nil {
		return nil
	}
	return m.metrics.Watch(srv.Stats)
}

// ready reports whether the server accepts mail. It returns false until
// [Monitor.Watch] was called.
func (m *Monitor) ready() bool {
	status := m.status.Load()
	return status != nil && status.Ready()
}

func (m *Monitor) start() error {
	ln, err := net.Listen("tcp", m.address)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	m.log.Info("serving metrics", "address", ln.Addr().String())
	go func() {
		if err := m.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			m.log.Error("metrics server failed", "error", err)
		}
	}()
	return nil
}
