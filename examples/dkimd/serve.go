package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

// check reads a configuration and says whether it is right.
func check(_ context.Context, args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("dkimd", flag.ContinueOnError)
	config := fs.String("config", "", "the configuration `file`")
	fs.Bool("check", true, "read the configuration and exit")
	if err := parseFlags(fs, "-config FILE -check", args, stdout, 0); err != nil {
		return noHelp(err)
	}
	if err := need(fs, "config"); err != nil {
		return err
	}
	s, err := loadConfig(*config)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: right; mode %s, %d rules for signing\n", *config, s.mode, len(s.config.Signing.Rules))
	return err
}

// Program returns the server. The arguments are those that it will be run
// with.
func Program(args []string) cli.Program {
	var path string
	return cli.Program{
		Name:    "dkimd",
		Summary: "Signs and verifies mail with DKIM. SIGHUP reads the configuration again.",
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&path, "config", "", "the configuration `file`, which is needed")
			fs.Bool("check", false, "read the configuration, say what is wrong, and exit")
		},
		Router: func() (*framework.Router, error) {
			if path == "" {
				return nil, cli.Usagef("-config is needed")
			}
			s, err := loadConfig(path)
			if err != nil {
				return nil, err
			}
			filter, err := s.filter()
			if err != nil {
				return nil, err
			}
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP)
			go reloadOnHangup(hangups, logger(args), path, s, filter)
			return router(s, filter), nil
		},
	}
}

func router(s *settings, filter *dkim.Filter) *framework.Router {
	r := framework.NewRouter()
	var opts []framework.LaneOption
	if s.dryRun {
		opts = append(opts, framework.DryRun())
	}
	r.Mount(filter, opts...)
	return r
}

// logger returns a log in the form that the arguments ask for. The shared flags
// keep theirs to themselves.
func logger(args []string) *slog.Logger {
	if slices.ContainsFunc(args, func(a string) bool { return a == "json" || a == "-log-format=json" || a == "--log-format=json" }) {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

// reloadOnHangup reads the configuration again for each SIGHUP, until the
// process ends.
func reloadOnHangup(hangups <-chan os.Signal, log *slog.Logger, path string, s *settings, filter *dkim.Filter) {
	for range hangups {
		next, err := reload(path, s, filter)
		if err != nil {
			log.Error("configuration not reloaded; the old one stays", "file", path, "error", err)
			continue
		}
		s = next
		log.Info("configuration reloaded", "file", path, "rules", len(s.config.Signing.Rules))
	}
}

// reload puts the configuration that the file now has in force. Messages under
// way keep the old one.
func reload(path string, old *settings, filter *dkim.Filter) (*settings, error) {
	next, err := loadConfig(path)
	if err != nil {
		return nil, err
	}
	if next.mode != old.mode || next.dryRun != old.dryRun {
		return nil, errors.New("another mode, or dry_run, takes a restart")
	}
	return next, filter.Reload(next.config)
}
