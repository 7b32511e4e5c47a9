package main

import (
	"errors"
	"flag"
	"io"
	"os"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/framework"
)

const name = "fxapp"

func main() { os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr)) }

// Run does what the arguments say and returns the exit status, which may be
// milterfx.ExitCode. Serving ends with the process's SIGINT or SIGTERM.
func Run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		o.help(stdout)
		return cli.ExitOK
	case err != nil:
		return cli.Complain(stderr, name, err, cli.ExitUsage)
	}
	status, err := o.run(stdout, stderr)
	if err != nil {
		return cli.Complain(stderr, name, err, cli.ExitFailed)
	}
	return status
}

func (o *options) run(stdout, stderr io.Writer) (status int, err error) {
	if o.shared.Version {
		return cli.ExitOK, cli.PrintVersion(stdout, name)
	}
	var plan *framework.Plan
	app, err := fxcli.New(Application(o.Settings, o.shared.Logger(stderr)), fx.Populate(&plan))
	switch {
	case err != nil:
		return cli.ExitFailed, err
	case o.shared.Explain != "":
		return cli.ExitOK, cli.ExplainPlan(stdout, plan, o.shared.Explain)
	default:
		return fxcli.Run(app)
	}
}
