package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/peers"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// config holds the values of the flags.
type config struct {
	peers.Command

	sections []string
}

func parse(args []string) (*peers.Command, func(context.Context, *peers.Bench) error, error) {
	cfg := new(config)
	cfg.Progress = os.Stderr
	cfg.Line = strings.Join(append([]string{"go run ./cmd/peers"}, args...), " ")
	fs := flag.NewFlagSet("peers", flag.ContinueOnError)
	sections := fs.String("run", "load,sessions,idle,nagle,postfix", "sections to measure; postfix needs root")
	servers := fs.String("servers", strings.Join(peers.Servers(), ","), "servers to measure; null is the baseline")
	workloads := fs.String("w", "w1,w2,w3,w4", "workloads to measure; w1mw is W1 with middleware")
	networks := fs.String("net", "tcp,unix", "networks to measure: tcp, unix")
	conns := fs.String("conns", "1,8,64", "numbers of connections to measure")
	fs.IntVar(&cfg.Rounds, "rounds", 5, "rounds; the tables show medians")
	fs.DurationVar(&cfg.Duration, "duration", time.Second, "duration of a measurement of each server in each round")
	fs.IntVar(&cfg.Idle, "idle", 10_000, "idle connections")
	fs.IntVar(&cfg.Messages, "messages", 1000, "messages through each Postfix in each round")
	fs.StringVar(&cfg.Document, "doc", "", "document to write into; if empty, the tables are printed")
	if err := fs.Parse(args); err != nil {
		return nil, nil, err
	}
	cfg.sections = strings.Split(*sections, ",")
	cfg.Servers = strings.Split(*servers, ",")
	return &cfg.Command, cfg.measure, cfg.lists(*workloads, *networks, *conns)
}

func (cfg *config) lists(workloads, networks, conns string) (err error) {
	for s := range strings.SplitSeq(workloads, ",") {
		w, err := workload.Parse(s)
		if err != nil {
			return err
		}
		cfg.Workloads = append(cfg.Workloads, w)
	}
	if cfg.Conns, err = peers.ParseNumbers("-conns", "of connections", conns); err != nil {
		return err
	}
	if cfg.Networks, err = peers.ParseNetworks(networks); err != nil {
		return err
	}
	for _, s := range cfg.sections {
		if !slices.ContainsFunc(sections(nil), func(known section) bool { return known.name == s }) {
			return fmt.Errorf("-run: unknown section %q", s)
		}
	}
	return nil
}
