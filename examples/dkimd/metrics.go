package main

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/examples/internal/monitor"
)

// meters counts the filter's events for Prometheus, and exports the figures of the
// DNS lookups.
type meters struct {
	events *prometheus.CounterVec
	dns    *dnsMeters
}

func newMeters(m *monitor.Monitor, s *settings) (*meters, error) {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "dkim_events_total",
		Help: "Signatures made and verified, own messages not signed, and forged results removed.",
	}, []string{"kind", "result", "class"})
	if err := m.Register(events); err != nil {
		return nil, err
	}
	dns := &dnsMeters{figures: dnsFigures()}
	dns.watch(s.resolver)
	return &meters{events, dns}, m.Register(dns)
}

// observe counts an event. Domains are not labels, because mail can have any
// number of them, and each would add a time series.
func (m *meters) observe(e dkim.Event) {
	m.events.WithLabelValues(string(e.Kind), string(e.Status), string(e.Class)).Inc()
}

// dnsMeters exports the figures of the resolver that is in use. If records replace
// the DNS, it exports none. It implements [prometheus.Collector].
type dnsMeters struct {
	figures []dnsFigure
	source  atomic.Pointer[resolver.Resolver]
}

// watch exports the figures of another resolver from now on. Its counts begin at 0,
// which Prometheus takes for a restart.
func (d *dnsMeters) watch(r dkim.Resolver) {
	source, _ := r.(*resolver.Resolver) // nil for records
	d.source.Store(source)
}

// Describe implements [prometheus.Collector].
func (d *dnsMeters) Describe(out chan<- *prometheus.Desc) {
	for _, f := range d.figures {
		out <- f.desc
	}
}

// Collect implements [prometheus.Collector].
func (d *dnsMeters) Collect(out chan<- prometheus.Metric) {
	source := d.source.Load()
	if source == nil {
		return
	}
	stats := source.Stats()
	for _, f := range d.figures {
		out <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(&stats))
	}
}

// dnsFigure is one of the figures of a resolver.
type dnsFigure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*resolver.Stats) float64
}

func dnsFigures() []dnsFigure {
	counter := func(name, help string, value func(*resolver.Stats) uint64) dnsFigure {
		return dnsFigure{prometheus.NewDesc("dkim_dns_"+name, help, nil, nil), prometheus.CounterValue, func(s *resolver.Stats) float64 { return float64(value(s)) }}
	}
	gauge := func(name, help string, value func(*resolver.Stats) int) dnsFigure {
		return dnsFigure{prometheus.NewDesc("dkim_dns_"+name, help, nil, nil), prometheus.GaugeValue, func(s *resolver.Stats) float64 { return float64(value(s)) }}
	}
	return []dnsFigure{
		counter("cache_hits_total", "DNS lookups that the cache answered.", func(s *resolver.Stats) uint64 { return s.Hits }),
		counter("cache_misses_total", "DNS lookups that the cache did not answer.", func(s *resolver.Stats) uint64 { return s.Misses }),
		counter("failures_total", "DNS lookups that no server answered.", func(s *resolver.Stats) uint64 { return s.Failures }),
		counter("busy_total", "DNS lookups that failed because of too many others.", func(s *resolver.Stats) uint64 { return s.Busy }),
		counter("gave_way_total", "DNS lookups among dkim_dns_busy_total that had begun and gave way to others.", func(s *resolver.Stats) uint64 { return s.GaveWay }),
		gauge("lookups", "DNS lookups that query servers now.", func(s *resolver.Stats) int { return s.InFlight }),
		gauge("lookups_waiting", "DNS lookups that wait for others to end.", func(s *resolver.Stats) int { return s.Waiting }),
		gauge("cache_names", "Names in the DNS cache.", func(s *resolver.Stats) int { return s.Entries }),
		gauge("cache_bytes", "Memory that the DNS cache takes.", func(s *resolver.Stats) int { return s.Bytes }),
	}
}
