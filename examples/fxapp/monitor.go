package main

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/handover"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/middleware/metrics"
)

// Monitor counts what the filters do, and serves metrics and probes on a
// separate address. It differs from the monitor that headerd and dkimd share in
// that it can hand over its socket to a successor. It is in this example so
// that readers can copy it.
type Monitor struct {
	settings Settings
	log      *slog.Logger
	listen   func(address string) (net.Listener, error)
	registry *prometheus.Registry
	metrics  *metrics.Metrics
	status   atomic.Pointer[milterfx.Status]
	http     *http.Server
}

// MonitorParams are the dependencies of [NewMonitor].
type MonitorParams struct {
	fx.In

	Settings  Settings
	Log       *slog.Logger
	Handover  *handover.Handover `optional:"true"`
	Lifecycle fx.Lifecycle
}

// NewMonitor returns a monitor. The server's configuration depends on the
// monitor, so fx starts it before the server and stops it after the server.
// Thus it answers probes while the server drains.
func NewMonitor(p MonitorParams) (*Monitor, error) {
	m := &Monitor{settings: p.Settings, log: p.Log, listen: framework.Listen, registry: prometheus.NewRegistry()}
	if p.Handover != nil {
		m.listen = p.Handover.Listen
	}
	var err error
	if m.metrics, err = metrics.New(metrics.Config{Registerer: m.registry}); err != nil {
		return nil, err
	}
	m.http = metrics.NewServer("", metrics.Handler(m.registry, m.ready))
	if p.Settings.Health != "" {
		p.Lifecycle.Append(fx.StartStopHook(m.start, m.http.Shutdown))
	}
	return m, nil
}

// ready reports whether the server accepts mail. It returns false until
// [Monitor.Watch] was called.
func (m *Monitor) ready() bool {
	status := m.status.Load()
	return status != nil && status.Ready()
}

func (m *Monitor) start() error {
	ln, err := m.listen(m.settings.Health)
	if err != nil {
		return err
	}
	m.log.Info("serving metrics and probes", "address", ln.Addr().String())
	go func() {
		if err := m.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			m.log.Error("metrics server failed", "error", err)
		}
	}()
	return nil
}

// Watch makes the monitor report on the server. After a hand-over the monitor
// stops serving, and the successor answers the probes.
func (m *Monitor) Watch(srv *framework.Server, status *milterfx.Status) error {
	m.status.Store(status)
	status.Watch(func(state milterfx.State) {
		if _, ok := status.Successor(); ok && state == milterfx.Draining {
			_ = m.http.Close()
		}
	})
	return m.metrics.Watch(srv.Stats)
}
