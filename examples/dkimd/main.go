package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	commands := Commands()
	if len(os.Args) > 1 && commands[os.Args[1]] != nil {
		status := Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(status)
	}
	stop() // the server has its own
	os.Exit(Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// Command is what one word on the command line does.
type Command func(ctx context.Context, args []string, stdout io.Writer) error

// Commands returns the commands by their words.
func Commands() map[string]Command {
	return map[string]Command{"keygen": keygen, "testkey": testkey, "sign": sign, "verify": verify}
}

// The exit statuses, as package cli has them.
const (
	exitFailed = 1
	exitUsage  = 2
)

// Run does what the arguments say and returns the exit status.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return serve(args, stdout, stderr)
	}
	command := Commands()[args[0]]
	if command == nil {
		return report(stderr, usagef("no such command: %q; there are keygen, testkey, sign and verify", args[0]))
	}
	return report(stderr, command(ctx, args[1:], stdout))
}

func report(stderr io.Writer, err error) int {
	switch {
	case err == nil:
		return 0
	case errors.As(err, new(usageError)):
		_, _ = fmt.Fprintln(stderr, "dkimd:", err)
		return exitUsage
	default:
		_, _ = fmt.Fprintln(stderr, "dkimd:", err)
		return exitFailed
	}
}

// usageError is an error about the arguments.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
