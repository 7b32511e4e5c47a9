package main

import (
	"fmt"
	"io"
	"log/slog"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/behind"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/framework"
)

// serve runs dkimd without a command: it filters mail until a signal arrives, or
// prints what -check or -explain asks for.
func serve(args []string, stdout, stderr io.Writer) int {
	status, err := server().Run(args, stdout, stderr)
	if err != nil {
		cli.ComplainLines(stderr, "dkimd", err)
	}
	return status
}

func server() fxcli.Program {
	var (
		file   fxcli.FileFlags
		conf   *settings
		filter *dkim.Filter
	)
	return fxcli.Program{
		Name:      "dkimd",
		Arguments: "[flags]",
		Summary: "Signs and verifies mail with DKIM.\n" +
			"The commands import, keygen, testkey, sign and verify have a -help each.",
		Flags:    file.AddFlags,
		Validate: file.Validate,
		Application: func(shared *fxcli.Flags, log *slog.Logger) (_ fx.Option, err error) {
			if conf, err = loadWith(file.Config, file.Metrics); err != nil {
				return nil, err
			}
			return fx.Options(application(file.Settings(shared), conf, log), fx.Populate(&filter)), nil
		},
		Check: func(stdout io.Writer, _ *framework.Plan) error {
			_, err := fmt.Fprintf(stdout, "%s: ok, mode %s, %d signing rules\n", cli.PrintableLine(file.Config), conf.mode, len(conf.config.Signing.Rules))
			return err
		},
		Against: func(old string) error { return against(old, file.Metrics, conf) },
		Replay:  func(offline bool) (*fxcli.Replayed, error) { return replayed(conf, offline) },
		Needs: func() ([]behind.Need, error) {
			return behind.OfDKIM(filter, func(p dkim.Part) string { return conf.place(file.Config, p) }), nil
		},
	}
}
