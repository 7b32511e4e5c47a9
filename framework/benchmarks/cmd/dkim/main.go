package main

import (
	"context"
	"flag"
	"os"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/peers"
)

func main() { os.Exit(peers.Main(parse)) }

func parse(args []string) (_ *peers.Command, measure func(context.Context, *peers.Bench) error, err error) {
	cmd := &peers.Command{Line: strings.Join(append([]string{"go run ./cmd/dkim"}, args...), " ")}
	cmd.Progress = os.Stderr
	fs := flag.NewFlagSet("dkim", flag.ContinueOnError)
	networks := fs.String("net", "unix,tcp", "networks to measure: unix, tcp")
	conns := fs.String("conns", "8", "numbers of connections to measure")
	kib := fs.String("body", "8,1024", "sizes of the bodies, in KiB")
	fs.IntVar(&cmd.Rounds, "rounds", 7, "rounds; the tables show medians")
	fs.DurationVar(&cmd.Duration, "duration", 3*time.Second, "duration of a measurement of each signer in each round")
	fs.StringVar(&cmd.Document, "doc", "", "document to write into; if empty, the tables are printed")
	if err := fs.Parse(args); err != nil {
		return nil, nil, err
	}
	if cmd.Networks, err = peers.ParseNetworks(*networks); err != nil {
		return nil, nil, err
	}
	if cmd.Conns, err = peers.ParseNumbers("-conns", "above zero", *conns); err != nil {
		return nil, nil, err
	}
	bodies, err := peers.ParseNumbers("-body", "above zero", *kib)
	for i := range bodies {
		bodies[i] <<= 10
	}
	return cmd, func(ctx context.Context, b *peers.Bench) error {
		text, err := b.DKIM(ctx, bodies)
		if err != nil {
			return err
		}
		return cmd.Publish("dkim", "", text)
	}, err
}
