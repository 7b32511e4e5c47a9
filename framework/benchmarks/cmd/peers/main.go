package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

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
	if err := run(cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(cfg config) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := peers.New(ctx, cfg.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	for _, s := range sections(b) {
		if !slices.Contains(cfg.sections, s.name) {
			continue
		}
		text, err := s.measure(ctx)
		if err != nil {
			return err
		}
		if err := cfg.publish(s.name, text); err != nil {
			return err
		}
	}
	return nil
}

// section is a part of the document.
type section struct {
	name    string
	measure func(context.Context) (string, error)
}

func sections(b *peers.Bench) []section {
	return []section{
		{"load", b.Loads}, {"sessions", b.Sessions}, {"idle", b.Idles}, {"nagle", b.Nagle}, {"postfix", b.Postfix},
	}
}

// publish writes a section into the document, or prints it. The command that
// made it stands above it.
func (cfg config) publish(name, text string) error {
	text = fmt.Sprintf("\nMade by `%s`.\n%s", cfg.command, text)
	if cfg.document == "" {
		_, err := fmt.Fprintln(os.Stdout, "\n## "+name+"\n"+text)
		return err
	}
	return peers.Section(cfg.document, name, text)
}
