package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/monitor"
)

// meters count what the filter does, for Prometheus.
type meters struct{ events *prometheus.CounterVec }

func newMeters(m *monitor.Monitor) (*meters, error) {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "dkim_events_total",
		Help: "Signatures made and verified, messages of ours not signed, and forged results removed.",
	}, []string{"kind", "result", "class"})
	return &meters{events}, m.Register(events)
}

// observe counts an event. Domains are no labels: mail has any number of them.
func (m *meters) observe(e dkim.Event) {
	m.events.WithLabelValues(string(e.Kind), string(e.Status), string(e.Class)).Inc()
}
