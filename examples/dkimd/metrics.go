package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware/metrics"
)

// meters counts for Prometheus.
type meters struct {
	registry *prometheus.Registry
	events   *prometheus.CounterVec
	shared   *metrics.Metrics
}

func newMeters() (*meters, error) {
	m := &meters{
		registry: prometheus.NewRegistry(),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dkim_events_total",
			Help: "Signatures made and verified, messages of ours not signed, and forged results removed.",
		}, []string{"kind", "result", "class"}),
	}
	shared, err := metrics.New(metrics.Config{Registerer: m.registry})
	if err != nil {
		return nil, err
	}
	m.shared = shared
	return m, m.registry.Register(m.events)
}

// observe counts an event. Domains are no labels: mail has any number of them.
func (m *meters) observe(e dkim.Event) {
	m.events.WithLabelValues(string(e.Kind), string(e.Status), string(e.Class)).Inc()
}

// watch puts the shared meters around what is mounted on the router next.
func (m *meters) watch(r *framework.Router) { r.Use(m.shared.Middleware) }

// serve answers at an address until the process ends.
func (m *meters) serve(address string) error {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("-metrics: %w", err)
	}
	srv := metrics.NewServer(address, metrics.Handler(m.registry, nil))
	go func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // the listener is ours, and nobody closes it
		}
	}()
	return nil
}
