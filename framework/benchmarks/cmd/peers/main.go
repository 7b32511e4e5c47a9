package main

import (
	"context"
	"os"
	"slices"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/peers"
)

func main() { os.Exit(peers.Main(parse)) }

func (cfg *config) measure(ctx context.Context, b *peers.Bench) error {
	for _, s := range sections(b) {
		if !slices.Contains(cfg.sections, s.name) {
			continue
		}
		text, err := s.measure(ctx)
		if err != nil {
			return err
		}
		if err := cfg.Publish(s.name, "\n## "+s.name+"\n", text); err != nil {
			return err
		}
	}
	return nil
}

// section is a section of the document and the measurement for it.
type section struct {
	name    string
	measure func(context.Context) (string, error)
}

func sections(b *peers.Bench) []section {
	return []section{
		{"load", b.Loads}, {"sessions", b.Sessions}, {"idle", b.Idles}, {"nagle", b.Nagle}, {"postfix", b.Postfix},
	}
}
