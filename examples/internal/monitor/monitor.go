package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
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
// may be empty, and a port. The port may be the name of a service.
func CheckAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("metrics %q: want an address and a port, such as 127.0.0.1:9090", address)
	}
	if _, err := portNumber(port); err != nil {
		return fmt.Errorf("metrics %q: the port is neither a number from 0 to 65535 nor the name of a service", address)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && (strings.Trim(host, "0123456789.") == "" || strings.Contains(host, ":")) {
		return fmt.Errorf("metrics %q: %s is no IP address", address, host)
	}
	return nil
}

// portNumber returns the number of a port.
func portNumber(port string) (string, error) {
	number, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", port)
	return strconv.Itoa(number), err
}

// Monitor counts what the filters do, and serves /metrics, /healthz and /readyz.
type Monitor struct {
	address  string
	log      *slog.Logger
	registry *prometheus.Registry
	metrics  *metrics.Metrics
	reloads  *reloads
	status   atomic.Pointer[milterfx.Status]
	http     *http.Server
	listen   func(address string) (net.Listener, error)
}

// New returns a monitor. The server's configuration depends on the monitor, so
// fx starts it before the server and stops it after the server. Thus it answers
// probes while the server drains.
func New(lc fx.Lifecycle, address Address, log *slog.Logger) (*Monitor, error) {
	m := &Monitor{
		address: string(address), log: log, registry: prometheus.NewRegistry(), reloads: newReloads(), listen: listenTCP,
	}
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
	for _, c := range m.collectors() {
		if err := m.registry.Register(c); err != nil {
			return nil, err
		}
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

// ListenWith makes the monitor open its socket with a function that takes an
// address in the form of [framework.Listen], such as Listen of
// [handover.Handover]. It is called before the monitor starts.
func (m *Monitor) ListenWith(open func(address string) (net.Listener, error)) {
	m.listen = func(address string) (net.Listener, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if port, err = portNumber(port); err != nil {
			return nil, err
		}
		switch {
		case host == "":
			return open("inet:" + port)
		case strings.Contains(host, ":"):
			return open("inet6:" + port + "@" + host)
		}
		return open("inet:" + port + "@" + host)
	}
}

func listenTCP(address string) (net.Listener, error) { return net.Listen("tcp", address) }

// Watch makes the monitor report on the server. It is called once, before the
// server starts. After a hand-over the monitor stops serving, and the successor
// answers the requests.
func (m *Monitor) Watch(srv *framework.Server, status *milterfx.Status) error {
	m.status.Store(status)
	if m.metrics == nil {
		return nil
	}
	status.Watch(func(state milterfx.State) {
		if _, ok := status.Successor(); ok && state == milterfx.Draining {
			_ = m.http.Close()
		}
	})
	return m.metrics.Watch(srv.Stats)
}

// ready reports whether the server accepts mail. It returns false until
// [Monitor.Watch] was called.
func (m *Monitor) ready() bool {
	status := m.status.Load()
	return status != nil && status.Ready()
}

func (m *Monitor) start() error {
	ln, err := m.listen(m.address)
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
