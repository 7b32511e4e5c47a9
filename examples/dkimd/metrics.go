package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/examples/internal/dnsfile"
	"github.com/sluicemail/sluice/examples/internal/monitor"
)

// meters counts the filter's events for Prometheus, and exports the figures of the
// DNS lookups.
type meters struct {
	events *prometheus.CounterVec
	dns    *dnsfile.Meters
}

func newMeters(m *monitor.Monitor, s *settings) (*meters, error) {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "dkim_events_total",
		Help: "Signatures made and verified, own messages not signed, and forged results removed.",
	}, []string{"kind", "result", "class"})
	if err := m.Register(events); err != nil {
		return nil, err
	}
	dns := dnsfile.NewMeters("dkim_dns_")
	dns.Watch(looking(s.resolver))
	return &meters{events, dns}, m.Register(dns)
}

// observe counts an event. Domains are not labels, because mail can have any
// number of them, and each would add a time series.
func (m *meters) observe(e dkim.Event) {
	m.events.WithLabelValues(string(e.Kind), string(e.Status), string(e.Class)).Inc()
}

// looking returns the resolver that queries the DNS, or nil if records replace the DNS.
func looking(r dkim.Resolver) *resolver.Resolver {
	dns, _ := r.(*resolver.Resolver)
	return dns
}
