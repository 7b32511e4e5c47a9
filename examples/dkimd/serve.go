package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/framework"
)

// serve is dkimd without a command: it filters mail until a signal ends it, or
// says what it would do.
func serve(args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		o.help(stdout)
		return 0
	case err != nil:
		return report(stderr, usageError{err})
	case o.shared.Version:
		return report(stderr, cli.PrintVersion(stdout, "dkimd"))
	}
	conf, err := loadConfig(o.Config)
	if err != nil {
		return report(stderr, err)
	}
	if o.check {
		_, err := fmt.Fprintf(stdout, "%s: right; mode %s, %d rules for signing\n", o.Config, conf.mode, len(conf.config.Signing.Rules))
		return report(stderr, err)
	}
	var plan *framework.Plan
	app, err := fxcli.New(application(o.Settings, conf, o.shared.Logger(stderr)), fx.Populate(&plan))
	switch {
	case err != nil:
		return report(stderr, err)
	case o.shared.Explain != "":
		return report(stderr, cli.ExplainPlan(stdout, plan, o.shared.Explain))
	}
	status, err := fxcli.Run(app)
	if err != nil {
		return report(stderr, err)
	}
	return status
}
