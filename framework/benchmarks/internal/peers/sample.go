package peers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/load"
)

// sample is the result of one server in one round.
type sample struct {
	rate, sessions float64 // per second
	cpu            float64 // µs per message
	allocs         float64 // per message
	p50, p99       float64 // µs
	queries        float64 // of the DNS per message
}

// measure puts load on a server and returns the result.
func (c *child) measure(ctx context.Context, o load.Options) (s sample, err error) {
	o.Network, o.Address, o.Workload = c.network, c.address, c.workload
	before, err := c.usage()
	if err != nil {
		return s, err
	}
	r := load.Run(ctx, o)
	after, err := c.usage()
	if err != nil {
		return s, err
	}
	if r.Errors > 0 || r.Messages == 0 {
		return s, fmt.Errorf("server %s -w %s over %s: %v\n%s", c.server, c.workload, c.network, r.String(), c.stderr.String())
	}
	n := float64(r.Messages)
	return sample{
		rate: r.Rate(), sessions: r.SessionRate(),
		cpu: micros(after.cpu-before.cpu) / n, allocs: float64(after.mallocs-before.mallocs) / n,
		p50: micros(r.P50), p99: micros(r.P99),
	}, nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

type usage struct {
	cpu     time.Duration
	mallocs uint64
}

func (c *child) usage() (u usage, err error) {
	m, err := c.memory()
	if err != nil {
		return u, err
	}
	u.mallocs = m.Mallocs
	u.cpu, err = c.cpu()
	return u, err
}

// samples are the results of a server in all rounds.
type samples []sample

// median returns the median of one figure.
func (s samples) median(of func(sample) float64) float64 {
	if len(s) == 0 {
		return 0
	}
	list := make([]float64, len(s))
	for i := range s {
		list[i] = of(s[i])
	}
	slices.Sort(list)
	mid := len(list) / 2
	if len(list)%2 == 0 {
		return (list[mid-1] + list[mid]) / 2
	}
	return list[mid]
}

func (s sample) rateOf() float64     { return s.rate }
func (s sample) sessionsOf() float64 { return s.sessions }
func (s sample) cpuOf() float64      { return s.cpu }
func (s sample) allocsOf() float64   { return s.allocs }
func (s sample) p50Of() float64      { return s.p50 }
func (s sample) p99Of() float64      { return s.p99 }
func (s sample) queriesOf() float64  { return s.queries }
