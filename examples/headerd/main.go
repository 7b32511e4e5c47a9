package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/examples/internal/behind"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/framework"
)

const name = "headerd"

func main() { os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr)) }

// Run runs headerd with the given arguments and returns the exit status, which
// may be milterfx.ExitCode. The program serves until the process receives
// SIGINT or SIGTERM.
func Run(args []string, stdout, stderr io.Writer) int {
	status, err := program().Run(args, stdout, stderr)
	if err != nil {
		cli.ComplainLines(stderr, name, err)
	}
	return status
}

func program() fxcli.Program {
	var (
		file   fxcli.FileFlags
		filter *headers.Reloadable
		rules  headers.Config
	)
	return fxcli.Program{
		Name:      name,
		Arguments: "-config file [flags]",
		Summary:   "Edits header fields, and refuses or holds messages, by rules.",
		Flags:     file.AddFlags,
		Validate:  file.Validate,
		Application: func(shared *fxcli.Flags, log *slog.Logger) (fx.Option, error) {
			return fx.Options(Application(file.Settings(shared), log), fx.Populate(&filter, &rules)), nil
		},
		Check: func(stdout io.Writer, plan *framework.Plan) error {
			return check(stdout, file.Config, filter, plan)
		},
		Against: func(old string) error { return against(old, file.Metrics, rules) },
		Replay:  func(bool) (*fxcli.Replayed, error) { return replayed(rules) },
		Needs:   func() ([]behind.Need, error) { return behind.OfRules(filter), nil },
	}
}

// check prints the number of rules in the file, the warnings about them, and what the
// filter asks of the MTA.
func check(w io.Writer, file string, filter *headers.Reloadable, plan *framework.Plan) error {
	if _, err := fmt.Fprintf(w, "%s: ok, %d rules\n", cli.PrintableLine(file), filter.Rules()); err != nil {
		return err
	}
	for _, warning := range filter.Warnings() {
		if _, err := fmt.Fprintln(w, cli.PrintableLine(warning.Error())); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return plan.Explain(w)
}
