package main

import (
	"context"
	"errors"
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
	return map[string]Command{"keygen": keygen, "testkey": testkey, "sign": sign, "verify": verify, "import": importConfig}
}

// Run runs dkimd with the given arguments and returns the exit status.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return serve(args, stdout, stderr)
	}
	command := Commands()[args[0]]
	if command == nil {
		return cli.ComplainLines(stderr, "dkimd", cli.Usagef("unknown command %q: want import, keygen, testkey, sign or verify", args[0]))
	}
	err := command(ctx, args[1:], stdout)
	if err == nil {
		return cli.ExitOK
	}
	status := cli.ComplainLines(stderr, "dkimd", err)
	if left := (*noted)(nil); errors.As(err, &left) {
		return left.status
	}
	return status
}
