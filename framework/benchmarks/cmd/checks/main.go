package main

import (
	"context"
	"flag"
	"os"
	"strings"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/peers"
)

func main() { os.Exit(peers.Main(parse)) }

func parse(args []string) (_ *peers.Command, measure func(context.Context, *peers.Bench) error, err error) {
	cmd := &peers.Command{Line: strings.Join(append([]string{"go run ./cmd/checks"}, args...), " ")}
	cmd.Progress = os.Stderr
	cmd.Servers = []string{peers.Sluice, peers.Emersion, peers.Libmilter}
	fs := flag.NewFlagSet("checks", flag.ContinueOnError)
	networks := fs.String("net", "unix", "networks to measure: unix, tcp")
	fs.IntVar(&cmd.Rounds, "rounds", 3, "rounds; the tables show the median of all messages")
	fs.IntVar(&cmd.Messages, "messages", 10, "messages of each client through each list of filters in each round")
	fs.StringVar(&cmd.Document, "doc", "", "document to write into; if empty, the tables are printed")
	if err := fs.Parse(args); err != nil {
		return nil, nil, err
	}
	cmd.Networks, err = peers.ParseNetworks(*networks)
	return cmd, func(ctx context.Context, b *peers.Bench) error {
		text, err := b.Checks(ctx)
		if err != nil {
			return err
		}
		return cmd.Publish("checks", "", text)
	}, err
}
