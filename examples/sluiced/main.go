package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sluicemail/sluice/examples/internal/cli"
)

const name = "sluiced"

// checkMessage is the name of the command that checks one message.
const checkMessage = "check-message"

func main() {
	if len(os.Args) > 1 && os.Args[1] == checkMessage {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		status := Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
		stop()
		os.Exit(status)
	}
	os.Exit(Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) // the server handles the signals itself
}

// Run runs sluiced with the given arguments and returns the exit status, which may be
// milterfx.ExitCode. Without a command it serves until the process receives SIGINT or SIGTERM.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var (
		status int
		err    error
	)
	switch {
	case len(args) == 0 || strings.HasPrefix(args[0], "-"):
		status, err = server(stderr).Run(args, stdout, stderr)
	case args[0] == checkMessage:
		err = runCheckMessage(ctx, args[1:], stdin, stdout, stderr)
		status = cli.ExitStatus(err)
	default:
		err = cli.Usagef("unknown command %q: want %s", args[0], checkMessage)
		status = cli.ExitUsage
	}
	if err != nil {
		cli.ComplainLines(stderr, name, err)
	}
	return status
}
