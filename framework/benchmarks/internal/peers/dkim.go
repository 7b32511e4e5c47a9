package peers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/load"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// The names of the signers.
const (
	OpenDKIM = "opendkim"
	Dkimd    = "dkimd"
)

// DKIM compares examples/dkimd with OpenDKIM, both signing bodies of the given
// sizes. Both signers have the same key, sign the same fields, and log no
// messages. First, one signature of each signer is verified.
func (b *Bench) DKIM(ctx context.Context, bodies []int) (string, error) {
	setup, err := b.newSigners(ctx)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, network := range b.Networks {
		if err := b.dkimOver(ctx, setup, network, bodies, &out); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

func (b *Bench) dkimOver(ctx context.Context, s *signers, network string, bodies []int, out *strings.Builder) (err error) {
	var children []*child
	defer func() {
		for _, c := range children {
			err = errors.Join(err, c.stop())
		}
	}()
	for _, start := range []func(context.Context, string) (*child, error){s.openDKIM, s.dkimd} {
		c, err := start(ctx, network)
		if err != nil {
			return err
		}
		children = append(children, c)
		if err := s.verify(ctx, c); err != nil {
			return err
		}
	}
	for _, size := range bodies {
		for _, conns := range b.Conns {
			b.logf("dkim over %s, bodies of %d KiB, %d connections", network, size>>10, conns)
			msg := workload.NewLetter(size)
			got, err := b.rounds(ctx, children, load.Options{Message: &msg, Inserted: "DKIM-Signature", Conns: conns, Duration: b.Duration})
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "\nBodies of %d KiB over %s, %d connections:\n\n%s", size>>10, network, conns, dkimTable(got))
		}
	}
	return nil
}

func dkimTable(got map[string]samples) string {
	t := newTable("signer", "CPU ms/message", "ratio", "messages/s", "ratio", "p50 ms", "p99 ms", "ratio")
	base := got[OpenDKIM]
	for _, name := range []string{OpenDKIM, Dkimd} {
		s := got[name]
		cpu, rate, p99 := s.median(sample.cpuOf), s.median(sample.rateOf), s.median(sample.p99Of)
		t.row(name, figure(cpu/1e3), ratio(cpu, base.median(sample.cpuOf)),
			figure(rate), ratio(rate, base.median(sample.rateOf)),
			figure(s.median(sample.p50Of)/1e3), figure(p99/1e3), ratio(p99, base.median(sample.p99Of)))
	}
	return t.b.String()
}
