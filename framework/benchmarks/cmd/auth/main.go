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
	cmd := &peers.Command{Line: strings.Join(append([]string{"go run ./cmd/auth"}, args...), " ")}
	cmd.Progress = os.Stderr
	cmd.Servers = []string{peers.Sluice, peers.Authenticate}
	var o peers.AuthOptions
	fs := flag.NewFlagSet("auth", flag.ContinueOnError)
	conns := fs.String("conns", "1,4,16", "numbers of SMTP clients to measure")
	fs.IntVar(&cmd.Messages, "n", 500, "messages in each measurement")
	fs.IntVar(&o.Domains, "domains", 50, "domains that send the messages")
	fs.IntVar(&cmd.Rounds, "rounds", 3, "rounds; the tables show medians")
	fs.BoolVar(&o.Proxy, "proxy", false, "name the client by the PROXY protocol instead of XCLIENT")
	ours := fs.String("ours", peers.Sluiced, "our program: sluiced, authenticate (SPF and DKIM only), or a command; {socket} in it stands for the path of its unix socket")
	fs.StringVar(&o.Profile, "profile", "", "write a CPU profile of authenticate to this file")
	fs.DurationVar(&o.Limit, "limit", 9*time.Minute, "begin no further round after this time")
	fs.IntVar(&o.Outage, "outage", 3, "messages to send without a name server; 0 leaves this out")
	fs.StringVar(&cmd.Document, "doc", "", "document to write into; if empty, the tables are printed")
	if err := fs.Parse(args); err != nil {
		return nil, nil, err
	}
	o.Ours = strings.Fields(*ours)
	cmd.Conns, err = peers.ParseNumbers("-conns", "above zero", *conns)
	return cmd, func(ctx context.Context, b *peers.Bench) error {
		text, err := b.Auth(ctx, o)
		if err != nil {
			return err
		}
		return cmd.Publish("auth", "", text)
	}, err
}
