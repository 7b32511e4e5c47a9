package dnsfile

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// Meters exports the figures of the resolver that is in use. It implements
// [prometheus.Collector].
type Meters struct {
	figures []figure
	source  atomic.Pointer[resolver.Resolver]
}

// NewMeters returns meters whose names begin with a prefix, such as "dkim_dns_".
func NewMeters(prefix string) *Meters { return &Meters{figures: figures(prefix)} }

// Watch exports the figures of another resolver from now on, or of none if it is nil. Its
// counts begin at 0, which Prometheus takes for a restart.
func (d *Meters) Watch(r *resolver.Resolver) { d.source.Store(r) }

// Describe implements [prometheus.Collector].
func (d *Meters) Describe(out chan<- *prometheus.Desc) {
	for _, f := range d.figures {
		out <- f.desc
	}
}

// Collect implements [prometheus.Collector].
func (d *Meters) Collect(out chan<- prometheus.Metric) {
	source := d.source.Load()
	if source == nil {
		return
	}
	stats := source.Stats()
	for _, f := range d.figures {
		out <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(&stats))
	}
}

// figure is one of the figures of a resolver.
type figure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*resolver.Stats) float64
}

func figures(prefix string) []figure {
	counter := func(name, help string, value func(*resolver.Stats) uint64) figure {
		return figure{prometheus.NewDesc(prefix+name, help, nil, nil), prometheus.CounterValue, func(s *resolver.Stats) float64 { return float64(value(s)) }}
	}
	gauge := func(name, help string, value func(*resolver.Stats) int) figure {
		return figure{prometheus.NewDesc(prefix+name, help, nil, nil), prometheus.GaugeValue, func(s *resolver.Stats) float64 { return float64(value(s)) }}
	}
	return []figure{
		counter("cache_hits_total", "DNS lookups that the cache answered.", func(s *resolver.Stats) uint64 { return s.Hits }),
		counter("cache_misses_total", "DNS lookups that the cache did not answer.", func(s *resolver.Stats) uint64 { return s.Misses }),
		counter("failures_total", "DNS lookups that no server answered.", func(s *resolver.Stats) uint64 { return s.Failures }),
		counter("busy_total", "DNS lookups that failed because of too many others.", func(s *resolver.Stats) uint64 { return s.Busy }),
		counter("gave_way_total", "DNS lookups among "+prefix+"busy_total that had begun and gave way to others.", func(s *resolver.Stats) uint64 { return s.GaveWay }),
		gauge("lookups", "DNS lookups that query servers now.", func(s *resolver.Stats) int { return s.InFlight }),
		gauge("lookups_waiting", "DNS lookups that wait for others to end.", func(s *resolver.Stats) int { return s.Waiting }),
		gauge("cache_names", "Names in the DNS cache.", func(s *resolver.Stats) int { return s.Entries }),
		gauge("cache_bytes", "Memory that the DNS cache takes.", func(s *resolver.Stats) int { return s.Bytes }),
	}
}
