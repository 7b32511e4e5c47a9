package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/load"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/serve"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	result := load.Run(ctx, o)
	stop()
	_, _ = fmt.Fprintln(os.Stdout, result.String())
	if result.Errors > 0 {
		os.Exit(1)
	}
}

func parse(args []string) (o load.Options, err error) {
	fs := flag.NewFlagSet("load", flag.ContinueOnError)
	addr := fs.String("addr", "tcp:127.0.0.1:9000", "address of the filter: tcp:HOST:PORT or unix:PATH")
	name := fs.String("w", "w1", "workload that the filter runs")
	fs.IntVar(&o.Conns, "conns", 8, "concurrent connections")
	fs.IntVar(&o.PerSession, "msgs", 0, "messages per connection; 0 for no limit")
	fs.Int64Var(&o.Total, "total", 0, "total number of messages; 0 for no limit")
	fs.DurationVar(&o.Duration, "duration", 5*time.Second, "duration of the run")
	fs.BoolVar(&o.Nagle, "nagle", false, "leave Nagle's algorithm on, as Postfix does")
	fs.IntVar(&o.Piece, "piece", 0, "maximum bytes per write; 0 for the size of Postfix's buffer")
	fs.IntVar(&o.Size.Rcpts, "rcpts", -1, "recipients; the default is the workload's")
	fs.IntVar(&o.Size.Headers, "headers", -1, "header fields; the default is the workload's")
	fs.IntVar(&o.Size.Body, "body", -1, "bytes of the body; the default is the workload's")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.Network, o.Address, err = serve.SplitAddr(*addr); err != nil {
		return o, err
	}
	if o.Workload, err = workload.Parse(*name); err != nil {
		return o, err
	}
	o.Size = orDefault(o.Size, o.Workload.DefaultSize())
	return o, nil
}

// orDefault replaces negative sizes by the defaults.
func orDefault(s, d workload.Size) workload.Size {
	pick := func(n *int, d int) {
		if *n < 0 {
			*n = d
		}
	}
	pick(&s.Rcpts, d.Rcpts)
	pick(&s.Headers, d.Headers)
	pick(&s.Body, d.Body)
	return s
}
