package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/peers"
)

func main() {
	cfg, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err := cfg.run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// config is what the flags say.
type config struct {
	options  peers.Options
	bodies   []int
	document string
	command  string
}

func parse(args []string) (cfg config, err error) {
	cfg.options.Progress = os.Stderr
	cfg.command = strings.Join(append([]string{"go run ./cmd/dkim"}, args...), " ")
	fs := flag.NewFlagSet("dkim", flag.ContinueOnError)
	networks := fs.String("net", "unix,tcp", "over which networks")
	conns := fs.String("conns", "8", "at how many connections")
	bodies := fs.String("body", "8,1024", "the sizes of the bodies, in KiB")
	fs.IntVar(&cfg.options.Rounds, "rounds", 7, "rounds, of which the median is taken")
	fs.DurationVar(&cfg.options.Duration, "duration", 3*time.Second, "how long each signer is measured in each round")
	fs.StringVar(&cfg.document, "doc", "", "the document to write into; without it the tables are printed")
	if err := fs.Parse(args); err != nil {
		return cfg, err
	}
	cfg.options.Networks = strings.Split(*networks, ",")
	for _, s := range cfg.options.Networks {
		if s != "tcp" && s != "unix" {
			return cfg, fmt.Errorf("-net: %q is neither tcp nor unix", s)
		}
	}
	if cfg.options.Conns, err = numbers("-conns", *conns, 1); err != nil {
		return cfg, err
	}
	cfg.bodies, err = numbers("-body", *bodies, 1<<10)
	return cfg, err
}

// numbers reads a list of numbers above zero.
func numbers(name, list string, unit int) (out []int, err error) {
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s: %q is no number above zero", name, s)
		}
		out = append(out, n*unit)
	}
	return out, nil
}

func (cfg *config) run() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := peers.New(ctx, cfg.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	text, err := b.DKIM(ctx, cfg.bodies)
	if err != nil {
		return err
	}
	text = fmt.Sprintf("\nMade by `%s`.\n%s", cfg.command, text)
	if cfg.document == "" {
		_, err := fmt.Fprintln(os.Stdout, text)
		return err
	}
	return peers.Section(cfg.document, "dkim", text)
}
