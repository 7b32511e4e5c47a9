package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/examples/internal/behind"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/sluiced/internal/config"
	"github.com/sluicemail/sluice/framework"
)

// flags holds the values of the daemon's own flags.
type flags struct {
	fxcli.FileFlags

	dns string
}

func (f *flags) add(fs *flag.FlagSet) {
	f.AddFlags(fs)
	fs.StringVar(&f.dns, "dns", "", "use the name server at `address`, such as 127.0.0.1:53")
}

func (f *flags) validate(shared *fxcli.Flags) error {
	if err := f.Validate(shared); err != nil || f.dns == "" {
		return err
	}
	if err := resolver.CheckServer(f.dns); err != nil {
		return fmt.Errorf("-dns: %w", err)
	}
	return nil
}

// options returns what the flags say about the file.
func (f *flags) options(shared *fxcli.Flags) config.Options {
	return config.Options{DNS: f.dns, Metrics: f.Metrics, Inspect: shared.Inspect}
}

// server returns the daemon. It logs to stderr, with the level and the format of the file unless
// flags set them.
func server(stderr io.Writer) fxcli.Program {
	var (
		own     flags
		o       config.Options
		conf    *config.Settings
		filters *config.Filters
	)
	return fxcli.Program{
		Name:      name,
		Arguments: "-config file [flags]",
		Summary:   "Filters mail as a file says. See also: " + name + " " + checkMessage + " -help.",
		Flags:     own.add,
		Validate:  own.validate,
		Application: func(shared *fxcli.Flags, _ *slog.Logger) (_ fx.Option, err error) {
			o = own.options(shared)
			if conf, err = config.Load(own.Config, o); err != nil {
				return nil, err
			}
			s := own.Settings(shared)
			s.Listen, s.Server, s.Metrics = shared.ListenOr(conf.Listen), conf.Server, conf.Metrics
			log := shared.LoggerOr(stderr, conf.Level, conf.Format)
			return fx.Options(application(s, o, conf, log), fx.Populate(&filters)), nil
		},
		FileListen: func() []fxcli.Place { return conf.Listening() },

		Check:   func(stdout io.Writer, _ *framework.Plan) error { return summarize(stdout, conf) },
		Against: func(old string) error { return against(old, o, conf) },
		Replay:  func(offline bool) (*fxcli.Replayed, error) { return replayed(own.Config, o, offline) },
		Needs:   func() ([]behind.Need, error) { return filters.Needs() },
	}
}

// summarize prints what the filters of a file are, a line for each, and the warnings.
func summarize(w io.Writer, conf *config.Settings) error {
	lanes := conf.Lanes()
	_, err := fmt.Fprintf(w, "%s: ok, %d filters, %d middleware\n", cli.PrintableLine(conf.Path), len(lanes), conf.Middleware())
	for i, l := range lanes {
		if err == nil {
			_, err = fmt.Fprintf(w, "%d. %s: %s\n", i+1, l.Title(), cli.PrintableLine(l.Summary))
		}
	}
	for _, warning := range conf.Warnings {
		if err == nil {
			_, err = fmt.Fprintln(w, cli.PrintableLine(warning.Error()))
		}
	}
	return err
}

// against returns a [*fxcli.RestartError] if a program that was started with the file old would
// not reload the settings.
func against(old string, o config.Options, next *config.Settings) error {
	before, err := config.Load(old, o)
	if err != nil {
		return fxcli.OldError(old, err)
	}
	running, err := before.Build(config.Hooks{})
	if err != nil {
		return fxcli.OldError(old, err)
	}
	err = running.Check(next)
	if config.NeedsRestart(err) {
		return &fxcli.RestartError{Old: old, Err: err}
	}
	return err
}
