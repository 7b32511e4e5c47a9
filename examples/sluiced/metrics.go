package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/examples/internal/dnsfile"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/examples/sluiced/internal/config"
)

// meters counts what the filters report, for Prometheus.
type meters struct{ results, actions, signing, sealing *prometheus.CounterVec }

func newMeters(m *monitor.Monitor, conf *config.Settings) (*meters, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	own := &meters{
		results: counter("sluiced_results_total", "Results of the methods that authenticate mail.", "method", "result"),
		actions: counter("sluiced_actions_total", "Messages that were authenticated, by what was done with them.", "action"),
		signing: counter("sluiced_signing_total", "Signatures made, and own messages not signed.", "filter", "kind", "result", "class"),
		sealing: counter("sluiced_sealing_total", "Messages sealed with ARC, by what the seal says about the chain before it, and messages not sealed.", "chain", "reason"),
	}
	dns := dnsfile.NewMeters("sluiced_dns_")
	dns.Watch(conf.Resolver)
	for _, c := range []prometheus.Collector{own.results, own.actions, own.signing, own.sealing, dns} {
		if err := m.Register(c); err != nil {
			return nil, err
		}
	}
	return own, nil
}

// authenticated counts the results of a message. Domains are not labels, because mail can have
// any number of them, and each would add a time series.
func (m *meters) authenticated(s *mailauth.Summary) {
	for method, result := range s.Counts() {
		m.results.WithLabelValues(method, result).Inc()
	}
	m.actions.WithLabelValues(string(s.Action)).Inc()
}

// signed counts an event of a filter that signs.
func (m *meters) signed(filter string, e dkim.Event) {
	m.signing.WithLabelValues(filter, string(e.Kind), string(e.Status), string(e.Class)).Inc()
}

// sealed counts what was done with a message.
func (m *meters) sealed(s arc.Sealing) { m.sealing.WithLabelValues(string(s.Chain), s.Reason).Inc() }
