package peers

import (
	"context"
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/load"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// Loads measures each workload over each network with each number of
// connections.
func (b *Bench) Loads(ctx context.Context) (string, error) {
	var out strings.Builder
	for _, w := range b.Workloads {
		for _, network := range b.Networks {
			text, err := b.loadOver(ctx, w, network)
			if err != nil {
				return "", err
			}
			out.WriteString(text)
		}
	}
	return out.String(), nil
}

func (b *Bench) loadOver(ctx context.Context, w workload.Name, network string) (string, error) {
	var out strings.Builder
	err := b.with(ctx, b.Servers, w, network, func(children []*child) error {
		for _, conns := range b.Conns {
			b.logf("%s over %s, %d connections", w, network, conns)
			got, err := b.rounds(ctx, children, load.Options{Conns: conns, Duration: b.Duration})
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "\n%s over %s, %d connections:\n\n", strings.ToUpper(string(w)), network, conns)
			out.WriteString(b.loadTable(got))
		}
		return nil
	})
	return out.String(), err
}

func (b *Bench) loadTable(got map[string]samples) string {
	t := newTable("server", "CPU µs/message", "ratio", "messages/s", "ratio", "allocations", "p50 µs", "p99 µs", "ratio")
	base := got[Null]
	for _, name := range b.Servers {
		s := got[name]
		if len(s) == 0 {
			continue
		}
		cpu, rate, p99 := s.median(sample.cpuOf), s.median(sample.rateOf), s.median(sample.p99Of)
		allocs := ""
		if inGo(name) {
			allocs = figure(s.median(sample.allocsOf))
		}
		t.row(name,
			figure(cpu), ratio(cpu, base.median(sample.cpuOf)),
			figure(rate), ratio(rate, base.median(sample.rateOf)),
			allocs, figure(s.median(sample.p50Of)), figure(p99), ratio(p99, base.median(sample.p99Of)))
	}
	return t.b.String()
}

// Sessions measures connections with one message each.
func (b *Bench) Sessions(ctx context.Context) (string, error) {
	var out strings.Builder
	for _, network := range b.Networks {
		b.logf("sessions over %s", network)
		err := b.with(ctx, b.Servers, workload.W1, network, func(children []*child) error {
			got, err := b.rounds(ctx, children, load.Options{Conns: 8, PerSession: 1, Duration: b.Duration})
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "\nOver %s:\n\n%s", network, b.sessionTable(got))
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

func (b *Bench) sessionTable(got map[string]samples) string {
	t := newTable("server", "sessions/s", "ratio", "CPU µs/session", "ratio", "allocations")
	base := got[Null]
	for _, name := range b.Servers {
		s := got[name]
		rate, cpu, allocs := s.median(sample.sessionsOf), s.median(sample.cpuOf), ""
		if inGo(name) {
			allocs = figure(s.median(sample.allocsOf))
		}
		t.row(name, figure(rate), ratio(rate, base.median(sample.sessionsOf)),
			figure(cpu), ratio(cpu, base.median(sample.cpuOf)), allocs)
	}
	return t.b.String()
}

// Nagle measures one TCP connection whose client, like Postfix, leaves Nagle's
// algorithm on.
func (b *Bench) Nagle(ctx context.Context) (string, error) {
	b.logf("with Nagle's algorithm on")
	t := newTable("server", "messages/s", "p50 µs", "p99 µs")
	err := b.with(ctx, b.Servers, workload.W1, "tcp", func(children []*child) error {
		got, err := b.rounds(ctx, children, load.Options{Conns: 1, Nagle: true, Duration: b.Duration})
		if err != nil {
			return err
		}
		for _, name := range b.Servers {
			s := got[name]
			t.row(name, figure(s.median(sample.rateOf)), figure(s.median(sample.p50Of)), figure(s.median(sample.p99Of)))
		}
		return nil
	})
	return "\n" + t.b.String(), err
}
