package main

import (
	"context"
	"flag"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/testmilter/filter"
	"github.com/sluicemail/sluice/framework"
)

func main() { os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr)) }

// Run runs testmilter with the given arguments and returns the exit status. It
// writes the filter's events to stdout and the log to stderr.
func Run(args []string, stdout, stderr io.Writer) int {
	// The help that the examples share would not fit on a screen with so
	// many flags.
	if slices.ContainsFunc(args, func(a string) bool { return a == "-help" || a == "--help" }) {
		_, _ = io.WriteString(stdout, help)
		return 0
	}
	return program(stdout).Run(args, stdout, stderr)
}

// program returns a program that ends after a signal, or after the number of
// connections that -C sets.
func program(stdout io.Writer) cli.Program {
	var f flags
	ctx, stop := context.WithCancel(context.Background()) //nolint:gosec // the filter calls stop
	return cli.Program{
		Name:    "testmilter",
		Summary: "Does to mail what the flags say, and prints every event.",
		Flags: func(fs *flag.FlagSet) {
			f.register(fs)
		},
		Router: func() (*framework.Router, error) {
			orders, err := f.orders()
			if err != nil {
				return nil, cli.Usagef("%w", err)
			}
			r := framework.NewRouter()
			r.Mount(&filter.Filter{Orders: orders, Out: stdout, Stop: stop})
			return r, nil
		},
		Serve: func(address string, r *framework.Router, cfg framework.Config) error {
			ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
			defer release()
			return cli.RunContext(ctx, address, r, cfg)
		},
	}
}

// help describes all flags on one screen.
const help = `usage: testmilter [flags]

Does to mail what the flags say, and prints every event.

  -a action   reply accept, tempfail, reject, discard, skip or 'ddd x.y.z text'
  -c stage    the stage of -a: connect (default), helo, mail, rcpt, data,
              header, eoh, body, eom, unknown, close, abort
  -A address  add a recipient; may be repeated
  -D address  remove a recipient; may be repeated
  -b file     replace the body with the content of the file
  -f sender   change the sender
  -h field    'index name value': change a field, or delete it without a value
  -i field    'index name value': insert a field
  -l          keep the space after the colon in header values
  -m stage    the stage of -M: connect, helo, mail, rcpt, data, eoh or eom
  -M list     the macros to ask for; the default stage is connect
  -n stage    do not receive this stage; may be repeated
  -N stage    do not reply at this stage; may be repeated
  -r          receive the recipients that the MTA refused, too
  -v          print the body, not its length
  -C count    end after this number of connections
  -p address  the same as -listen; default inet:9000@127.0.0.1
  -inspect address  show what the filter did, at this address: 127.0.0.1:8025
  -allow network  -explain, -log-format text|json  -log-level level  -version
`
