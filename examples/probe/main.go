package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/wire/mta"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(stdout, o.help())
		return cli.ExitOK
	}
	if err == nil && o.about {
		_ = cli.PrintVersion(stdout, "probe")
		return cli.ExitOK
	}
	if err == nil && o.replay.Path != "" {
		status, err := o.replayMail(ctx, stdout)
		if err != nil {
			return cli.Complain(stderr, "probe", err)
		}
		return status
	}
	if err == nil {
		err = o.load(stdin)
	}
	if err != nil {
		return cli.Complain(stderr, "probe", cli.Usagef("%w", err))
	}
	report, err := o.probe(ctx)
	if werr := report.write(stdout, o.json); werr != nil {
		return cli.Complain(stderr, "probe", werr)
	}
	if err != nil {
		return cli.Complain(stderr, "probe", err)
	}
	return cli.ExitOK
}

// silence is how long probe waits after the last reply for data that the filter
// should not send.
const silence = 50 * time.Millisecond

// probe sends the message through the filter. If there is an error, the report
// holds what happened before it.
func (o *options) probe(ctx context.Context) (*report, error) {
	r := &report{Milter: o.milter}
	conn, err := o.dial(ctx)
	if err != nil {
		return r.failed(err)
	}
	defer func() { _ = conn.Close() }()
	cfg := o.config()
	r.Offered = bits(cfg.Offer.Version, cfg.Offer.Actions, cfg.Offer.Protocol)
	c := mta.NewConn(conn, cfg)
	if err := c.Negotiate(ctx); err != nil {
		return r.failed(o.explain(ctx, conn, err))
	}
	r.negotiated(c)
	out, err := c.Send(ctx, o.message)
	r.outcome(out)
	if err == nil {
		err = c.Silent(ctx, silence)
	}
	if err != nil {
		return r.failed(err)
	}
	_ = c.Quit(ctx) // after a final verdict on the session the filter may have closed the connection
	return r, nil
}
