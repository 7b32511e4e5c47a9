package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/peers"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

// config is what the flags say.
type config struct {
	options  peers.Options
	sections []string
	document string
	command  string
}

func parse(args []string) (config, error) {
	cfg := config{options: peers.Options{Progress: os.Stderr}}
	cfg.command = strings.Join(append([]string{"go run ./cmd/peers"}, args...), " ")
	fs := flag.NewFlagSet("peers", flag.ContinueOnError)
	sections := fs.String("run", "load,sessions,idle,nagle,postfix", "what to measure; postfix needs root")
	servers := fs.String("servers", strings.Join(peers.Servers(), ","), "which servers; null is what the others are compared with")
	workloads := fs.String("w", "w1,w2,w3,w4", "which workloads; w1mw is W1 under middleware")
	networks := fs.String("net", "tcp,unix", "over which networks")
	conns := fs.String("conns", "1,8,64", "at how many connections")
	fs.IntVar(&cfg.options.Rounds, "rounds", 5, "rounds, of which the median is taken")
	fs.DurationVar(&cfg.options.Duration, "duration", time.Second, "how long each server is measured in each round")
	fs.IntVar(&cfg.options.Idle, "idle", 10_000, "idle connections")
	fs.IntVar(&cfg.options.Messages, "messages", 1000, "messages through each Postfix in each round")
	fs.StringVar(&cfg.document, "doc", "", "the document to write into; without it the tables are printed")
	if err := fs.Parse(args); err != nil {
		return cfg, err
	}
	cfg.sections = strings.Split(*sections, ",")
	cfg.options.Servers = strings.Split(*servers, ",")
	cfg.options.Networks = strings.Split(*networks, ",")
	return cfg, cfg.lists(*workloads, *conns)
}

func (cfg *config) lists(workloads, conns string) error {
	for s := range strings.SplitSeq(workloads, ",") {
		w, err := workload.Parse(s)
		if err != nil {
			return err
		}
		cfg.options.Workloads = append(cfg.options.Workloads, w)
	}
	for s := range strings.SplitSeq(conns, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("-conns: %q is no number of connections", s)
		}
		cfg.options.Conns = append(cfg.options.Conns, n)
	}
	for _, s := range cfg.options.Networks {
		if s != "tcp" && s != "unix" {
			return fmt.Errorf("-net: %q is neither tcp nor unix", s)
		}
	}
	for _, s := range cfg.sections {
		if !slices.ContainsFunc(sections(nil), func(known section) bool { return known.name == s }) {
			return fmt.Errorf("-run: there is no section %q", s)
		}
	}
	return nil
}
