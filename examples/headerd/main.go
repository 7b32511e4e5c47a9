package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"go.uber.org/dig"
	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/framework"
)

const name = "headerd"

// The exit statuses, beside milterfx.ExitCode.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr)) }

// Run does what the arguments say and returns the exit status. Serving ends
// with the process's SIGINT or SIGTERM.
func Run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		o.help(stdout)
		return exitOK
	case err != nil:
		return complain(stderr, err, exitUsage)
	case o.version:
		_ = cli.PrintVersion(stdout, name)
		return exitOK
	}
	var (
		plan   *framework.Plan
		filter *headers.Reloadable
	)
	app := fx.New(Application(o.Settings, cli.NewLogger(stderr, o.format, o.level)), fx.Populate(&plan, &filter))
	switch {
	case app.Err() != nil:
		// What a constructor returned, without fx's long way to it.
		return complain(stderr, dig.RootCause(app.Err()), exitFailed)
	case o.check:
		err = check(stdout, o.Config, filter, plan)
	case o.explain != "":
		err = cli.ExplainPlan(stdout, plan, o.explain)
	default:
		var status int
		if status, err = fxcli.Run(app); err == nil {
			return status
		}
	}
	if err != nil {
		return complain(stderr, err, exitFailed)
	}
	return exitOK
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
