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
	"syscall"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := Run(ctx, NewRouter(), os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// Run plays with the router's filters until ctx ends, and returns the exit
// status.
func Run(ctx context.Context, r *framework.Router, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		return exitOK
	case err != nil:
		return complain(stderr, err, exitUsage)
	case o.version:
		err = cli.PrintVersion(stdout, "playground")
	case o.explain != "":
		err = cli.Explain(stdout, r, o.explain)
	default:
		err = o.play(ctx, r, stdout, stderr)
	}
	if err != nil {
		return complain(stderr, err, exitFailed)
	}
	return exitOK
}

// complain writes one line, whatever the error.
func complain(stderr io.Writer, err error, status int) int {
	_, _ = fmt.Fprintln(stderr, "playground:", strings.Join(strings.Fields(err.Error()), " "))
	return status
}
