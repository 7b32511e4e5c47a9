package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicemail/sluice/framework"
)

// Watch registers the metrics of a server: m.Watch(srv.Stats). Each scrape
// calls stats once, so that its values are consistent. Watch returns the
// registry's error: a registry accepts one server for each namespace. For a
// second server, create Metrics with another Namespace, or wrap the registry to
// add labels.
func (m *Metrics) Watch(stats func() framework.Stats) error {
	c := &statsCollector{stats: stats}
	for _, f := range serverMetrics() {
		name := prometheus.BuildFQName(m.cfg.Namespace, "", f.name)
		c.metrics = append(c.metrics, f)
		c.descs = append(c.descs, prometheus.NewDesc(name, f.help, nil, nil))
	}
	return m.cfg.Registerer.Register(c)
}

// serverMetric is a metric of a server.
type serverMetric struct {
	name, help string
	kind       prometheus.ValueType
	of         func(*framework.Stats) float64
}

func serverMetrics() []serverMetric {
	return []serverMetric{
		{"connections_open", "MTA connections.", prometheus.GaugeValue, func(s *framework.Stats) float64 { return float64(s.Connections) }},
		{"connections_total", "MTA connections since the start.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.ConnectionsTotal) }},
		{"messages_open", "Current messages.", prometheus.GaugeValue, func(s *framework.Stats) float64 { return float64(s.MessagesOpen) }},
		{"messages_begun_total", "Messages that began.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.MessagesTotal) }},
		{"failures_total", "Handlers that failed or timed out, and failures of middleware that let mail pass.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.HandlerErrors) }},
		{"failed_open_total", "The part of failures_total because of which no mail was refused.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.FailedOpen) }},
		{"abandoned_handlers", "Handlers that still run although their connection was closed.", prometheus.GaugeValue, func(s *framework.Stats) float64 { return float64(s.AbandonedHandlers) }},
		{"handlers_abandoned_total", "Handlers that still ran when their connection was closed.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.AbandonedHandlersTotal) }},
		{"over_limit_total", "Connections that had to wait, were refused or were closed because of a limit on sessions.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.OverLimit) }},
		{"protocol_errors_total", "Connections with protocol errors.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.ProtocolErrors) }},
		{"missing_actions_total", "Negotiations with MTAs that did not offer a required action.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.MissingActions) }},
		{"kept_memory_bytes", "Memory in use for kept envelopes, headers and bodies, and for what filters keep.", prometheus.GaugeValue, func(s *framework.Stats) float64 { return float64(s.KeptMemory) }},
		{"kept_disk_bytes", "Disk space in use for kept bodies.", prometheus.GaugeValue, func(s *framework.Stats) float64 { return float64(s.KeptDisk) }},
		{"no_room_total", "Parts of messages that were not kept because memory, disk space or file descriptors were exhausted.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.NoRoom) }},
		{"too_large_total", "Messages and recipients that exceeded another limit.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.TooLarge) }},
		{"async_running", "Functions that run beside sessions.", prometheus.GaugeValue, func(s *framework.Stats) float64 { return float64(s.AsyncRunning) }},
		{"async_started_total", "Functions that were started beside sessions.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.AsyncTotal) }},
		{"async_refused_total", "Functions that were not started because MaxAsync functions ran.", prometheus.CounterValue, func(s *framework.Stats) float64 { return float64(s.AsyncRefused) }},
	}
}

// statsCollector gets the values of a server at each scrape.
type statsCollector struct {
	stats   func() framework.Stats
	metrics []serverMetric
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
	for i, f := range c.metrics {
		ch <- prometheus.MustNewConstMetric(c.descs[i], f.kind, f.of(&now))
	}
}
