package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/monitor"
)

// meters counts the filter's events for Prometheus.
type meters struct{ events *prometheus.CounterVec }

func newMeters(m *monitor.Monitor) (*meters, error) {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "dkim_events_total",
		Help: "Signatures made and verified, own messages not signed, and forged results removed.",
	}, []string{"kind", "result", "class"})
	return &meters{events}, m.Register(events)
}

// observe counts an event. Domains are not labels, because mail can have any
// number of them, and each would add a time series.
func (m *meters) observe(e dkim.Event) {
	m.events.WithLabelValues(string(e.Kind), string(e.Status), string(e.Class)).Inc()
}
