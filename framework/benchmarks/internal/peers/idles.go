package peers

import (
	"context"
	"time"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/load"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// settle is the delay before the memory of an idle server is read.
const settle = 2 * time.Second

// Idles measures the memory of idle connections, after the negotiation and
// after one message.
func (b *Bench) Idles(ctx context.Context) (string, error) {
	t := newTable("server", "KiB per connection", "after a message")
	for _, name := range b.Servers {
		b.logf("%d idle connections to %s", b.Idle, name)
		fresh, err := b.idle(ctx, name, 0)
		if err != nil {
			return "", err
		}
		used, err := b.idle(ctx, name, 1)
		if err != nil {
			return "", err
		}
		t.row(name, figure(fresh), figure(used))
	}
	return "\n" + t.b.String(), nil
}

// idle returns the memory per idle connection, in KiB.
func (b *Bench) idle(ctx context.Context, server string, messages int) (kib float64, err error) {
	err = b.with(ctx, []string{server}, workload.W1, b.Networks[0], func(children []*child) error {
		c := children[0]
		o := load.Options{Network: c.network, Address: c.address, Workload: c.workload}
		before, err := c.resident()
		if err != nil {
			return err
		}
		return load.Idle(ctx, o, b.Idle, messages, func() error {
			time.Sleep(settle)
			after, err := c.resident()
			kib = float64(after-before) / float64(b.Idle) / 1024
			return err
		})
	})
	return kib, err
}
