package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sluicemail/sluice/examples/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	commands := Commands()
	if len(os.Args) > 1 && commands[os.Args[1]] != nil {
		status := Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(status)
	}
	stop() // the server handles the signals itself
	os.Exit(Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// Command runs one of the program's commands.
type Command func(ctx context.Context, args []string, stdout io.Writer) error

// Commands returns the commands by name.
func Commands() map[string]Command {
	return map[string]Command{"keygen": keygen, "testkey": testkey, "sign": sign, "verify": verify}
}

// Run runs dkimd with the given arguments and returns the exit status.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return serve(args, stdout, stderr)
	}
	command := Commands()[args[0]]
	if command == nil {
		return complain(stderr, cli.Usagef("unknown command %q: want keygen, testkey, sign or verify", args[0]))
	}
	if err := command(ctx, args[1:], stdout); err != nil {
		return complain(stderr, err)
	}
	return cli.ExitOK
}

// complain writes an error, whose text may have several lines, and returns the
// exit status.
func complain(stderr io.Writer, err error) int {
	_, _ = fmt.Fprintln(stderr, "dkimd:", err)
	return cli.ExitStatus(err)
}
