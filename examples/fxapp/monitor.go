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

// Monitor counts, and answers probes and scrapes at an address of its own. It is
// written out here, to be taken over; what the daemons share hands no socket over.
type Monitor struct {
	settings Settings
	log      *slog.Logger
	listen   func(address string) (net.Listener, error)
	registry *prometheus.Registry
	metrics  *metrics.Metrics
	status   atomic.Pointer[milterfx.Status]
	http     *http.Server
}

// MonitorParams is what [NewMonitor] needs.
type MonitorParams struct {
	fx.In

	Settings  Settings
	Log       *slog.Logger
	Handover  *handover.Handover `optional:"true"`
	Lifecycle fx.Lifecycle
}

// NewMonitor returns a monitor that starts before the server, whose
// configuration asks for it, and stops after it: probes are answered while the
// server drains.
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

// ready reports whether mail is filtered. Without a server it is not, yet.
func (m *Monitor) ready() bool {
	status := m.status.Load()
	return status != nil && status.Ready()
}

func (m *Monitor) start() error {
	ln, err := m.listen(m.settings.Health)
	if err != nil {
		return err
	}
	m.log.Info("answering probes", "address", ln.Addr().String())
	go func() {
		if err := m.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			m.log.Error("probes are answered no more", "error", err)
		}
	}()
	return nil
}

// Watch says which server it is about. One that has a successor leaves the
// probes to it.
func (m *Monitor) Watch(srv *framework.Server, status *milterfx.Status) error {
	m.status.Store(status)
	status.Watch(func(state milterfx.State) {
		if _, ok := status.Successor(); ok && state == milterfx.Draining {
			_ = m.http.Close()
		}
	})
	return m.metrics.Watch(srv.Stats)
}
