package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := Run(ctx, NewRouter(), os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// Run runs the playground with the router's filters until ctx ends, and returns
// the exit status.
func Run(ctx context.Context, r *framework.Router, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		return cli.ExitOK
	case err != nil:
		return cli.Complain(stderr, "playground", cli.Usagef("%w", err))
	case o.Version:
		err = cli.PrintVersion(stdout, "playground")
	case o.Explain != "":
		err = cli.Explain(stdout, r, o.Explain)
	default:
		err = o.play(ctx, r, stdout, stderr)
	}
	if err != nil {
		return cli.Complain(stderr, "playground", err)
	}
	return cli.ExitOK
}
