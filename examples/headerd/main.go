package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/framework"
)

const name = "headerd"

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
		return complain(stderr, err, cli.ExitUsage)
	}
	status, err := o.run(stdout, stderr)
	if err != nil {
		return complain(stderr, err, cli.ExitFailed)
	}
	return status
}

func (o *options) run(stdout, stderr io.Writer) (status int, err error) {
	if o.shared.Version {
		return cli.ExitOK, cli.PrintVersion(stdout, name)
	}
	var (
		plan   *framework.Plan
		filter *headers.Reloadable
	)
	app, err := fxcli.New(Application(o.Settings, o.shared.Logger(stderr)), fx.Populate(&plan, &filter))
	switch {
	case err != nil:
		return cli.ExitFailed, err
	case o.check:
		return cli.ExitOK, check(stdout, o.Config, filter, plan)
	case o.shared.Explain != "":
		return cli.ExitOK, cli.ExplainPlan(stdout, plan, o.shared.Explain)
	default:
		return fxcli.Run(app)
	}
}

// check says that the file is good, and what is asked of the MTA for it.
func check(w io.Writer, file string, filter *headers.Reloadable, plan *framework.Plan) error {
	if _, err := fmt.Fprintf(w, "%s: ok, %d rules\n\n", file, filter.Rules()); err != nil {
		return err
	}
	return plan.Explain(w)
}

// complain writes a line for each mistake.
func complain(stderr io.Writer, err error, status int) int {
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintf(stderr, "%s: %s\n", name, strings.TrimSpace(line))
	}
	return status
}
