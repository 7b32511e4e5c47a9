// Probe plays the MTA to a milter: it sends one message through any filter and
// shows what was negotiated, every answer, the modifications and the message
// as it would be delivered.
//
//	probe -milter inet:9000@127.0.0.1 -from a@example.org -rcpt b@example.net message.eml
//
// The exit status is 0 whatever the filter's verdict, 1 if the filter cannot
// be reached or breaks the protocol, and 2 for wrong arguments.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/wire/mta"
)

// The exit statuses.
const (
	exitOK     = 0
	exitMilter = 1
	exitUsage  = 2
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
		_, _ = io.WriteString(stdout, usage)
		return exitOK
	}
	if err == nil && o.about {
		_ = cli.PrintVersion(stdout, "probe")
		return exitOK
	}
	if err == nil {
		err = o.load(stdin)
	}
	if err != nil {
		return complain(stderr, err, exitUsage)
	}
	report, err := o.probe(ctx)
	if werr := report.write(stdout, o.json); werr != nil {
		return complain(stderr, werr, exitMilter)
	}
	if err != nil {
		return complain(stderr, err, exitMilter)
	}
	return exitOK
}

func complain(stderr io.Writer, err error, status int) int {
	line := strings.Join(strings.Fields(err.Error()), " ")
	_, _ = fmt.Fprintln(stderr, "probe:", line)
	return status
}

// settle is how long the filter has to say something that it should not.
const settle = 50 * time.Millisecond

// probe runs the message through the filter. The report holds what came before
// an error.
func (o *options) probe(ctx context.Context) (*report, error) {
	cfg := o.config()
	r := &report{Milter: o.milter, Offered: bits(cfg.Offer.Version, cfg.Offer.Actions, cfg.Offer.Protocol)}
	c, err := mta.Dial(ctx, o.milter, cfg)
	if err != nil {
		return r.failed(err)
	}
	defer func() { _ = c.Close() }()
	r.negotiated(c)
	out, err := c.Send(ctx, o.message)
	r.outcome(out)
	if err == nil {
		err = c.Silent(ctx, settle)
	}
	if err != nil {
		return r.failed(err)
	}
	_ = c.Quit(ctx) // after a last word on the session the filter may be gone
	return r, nil
}
