package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicemail/sluice/framework"
)

// Watch adds the figures of a server: m.Watch(srv.Stats). They are asked for at
// each scrape, and are of one moment. The error is the registry's, which takes
// one server for each name; for a second one make Metrics with another
// Namespace, or wrap the registry with labels of its own.
func (m *Metrics) Watch(stats func() framework.Stats) error {
	c := &statsCollector{stats: stats}
	for _, f := range figures() {
		name := prometheus.BuildFQName(m.cfg.Namespace, "", f.name)
		c.figures = append(c.figures, f)
		c.descs = append(c.descs, prometheus.NewDesc(name, f.help, nil, nil))
	}
	return m.cfg.Registerer.Register(c)
}

// figure is one of a server's.
type figure struct {
	name, help string
	kind       prometheus.ValueType
	of         func(*framework.Stats) float64
}

func figures() []figure {
	return []figure{
		{"connections", "MTA connections.", prometheus.GaugeValue, func(s *framework.Stats) float64 { return float64(s.Connections) }},
		{"connections_total", "MTA connections since the start.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.ConnectionsTotal) }},
		{"messages_open", "Messages under way.", prometheus.GaugeValue, func(s *framework.Stats) float64 { return float64(s.MessagesOpen) }},
		{"messages_begun_total", "Messages that began.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.MessagesTotal) }},
		{"failures_total", "Handlers that failed, hung ones included.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.HandlerErrors) }},
		{"protocol_errors_total", "Connections that broke the protocol.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.ProtocolErrors) }},
		{"negotiations_refused_total", "MTAs that lacked an action.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.NegotiationsRefused) }},
		{"kept_memory_bytes", "Memory taken for kept envelopes, headers and bodies.", prometheus.GaugeValue, func(s *framework.Stats) float64 { return float64(s.KeptMemory) }},
		{"kept_disk_bytes", "Disk taken for kept bodies.", prometheus.GaugeValue, func(s *framework.Stats) float64 { return float64(s.KeptDisk) }},
		{"no_room_total", "What could not be kept for want of memory, disk or descriptors.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.NoRoom) }},
		{"too_large_total", "Messages and recipients beyond a limit of their own.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.TooLarge) }},
	}
}

// statsCollector asks a server at each scrape.
type statsCollector struct {
	stats   func() framework.Stats
	figures []figure
	descs   []*prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c *statsCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *statsCollector) Collect(ch chan<- prometheus.Metric) {
	now := c.stats()
	for i, f := range c.figures {
		ch <- prometheus.MustNewConstMetric(c.descs[i], f.kind, f.of(&now))
	}
}
