package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/load"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// Options specify what to measure.
type Options struct {
	Servers   []string
	Workloads []workload.Name
	Networks  []string // tcp, unix
	Conns     []int
	Rounds    int
	Duration  time.Duration // of each server's measurement in a round
	Idle      int           // idle connections to hold
	Messages  int           // through each Postfix in each round
	Progress  io.Writer     // receives a line for each step
}

// Bench measures servers. Each of its measuring methods returns a table in
// Markdown.
type Bench struct {
	Options
	dir  string
	bins binaries
}

// New builds the servers in a temporary directory. Close removes the directory.
func New(ctx context.Context, o Options) (*Bench, error) {
	dir, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return nil, err
	}
	b := &Bench{Options: o, dir: dir}
	err = os.Chmod(dir, 0o755) //nolint:gosec // Postfix's user must be able to reach the sockets
	if err == nil {
		b.bins, err = build(ctx, dir, o.Servers)
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Close removes the directory that New created.
func (b *Bench) Close() error { return os.RemoveAll(b.dir) }

func (b *Bench) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(b.Progress, format+"\n", args...)
}

// pick returns those of the given servers that were built.
func (b *Bench) pick(servers ...string) []string {
	var out []string
	for _, s := range servers {
		if b.bins[s] != nil {
			out = append(out, s)
		}
	}
	return out
}

// with starts servers, calls f, and stops the servers.
func (b *Bench) with(ctx context.Context, servers []string, w workload.Name, network string, f func([]*child) error) (err error) {
	var children []*child
	defer func() {
		for _, c := range children {
			err = errors.Join(err, c.stop())
		}
	}()
	for _, name := range servers {
		part, ok := plays(name, w)
		if !ok {
			continue
		}
		c, err := b.bins.start(ctx, b.dir, name, part, network)
		if err != nil {
			return err
		}
		children = append(children, c)
	}
	return f(children)
}

// rounds measures the servers in turn, once per round. Before each measurement
// it runs a shorter one whose result it discards, to warm up the server.
func (b *Bench) rounds(ctx context.Context, children []*child, o load.Options) (map[string]samples, error) {
	out := make(map[string]samples)
	warm := o
	warm.Duration = o.Duration / 4
	for range b.Rounds {
		for _, c := range children {
			if _, err := c.measure(ctx, warm); err != nil {
				return nil, err
			}
			s, err := c.measure(ctx, o)
			if err != nil {
				return nil, err
			}
			out[c.server] = append(out[c.server], s)
		}
	}
	return out, ctx.Err()
}
