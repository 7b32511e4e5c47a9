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
	for _, name := range []string{"listen", "metrics", "log-format", "log-level"} {
		fs.String(name, "", "plays no part here; so a service's own arguments can be checked")
	}
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

// server is dkimd as it serves.
type server struct {
	path    string // of the configuration
	metrics string // where to serve them, or ""
	log     *slog.Logger
	meters  *meters
	now     *settings
	filter  *dkim.Filter
}

// Program returns the server. The arguments are those that it will be run
// with.
func Program(args []string) cli.Program {
	s := &server{log: logger(args)}
	return cli.Program{
		Name: "dkimd",
		Summary: "Signs and verifies mail with DKIM. SIGHUP reads the configuration again.\n" +
			"Commands, each with a -help of its own: keygen, testkey, sign, verify.",
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&s.path, "config", "", "the configuration `file`, which is needed")
			fs.StringVar(&s.metrics, "metrics", "", "serve metrics for Prometheus at `address`, such as 127.0.0.1:9090")
			fs.Bool("check", false, "read the configuration, say what is wrong, and exit")
		},
		Router: s.router,
	}
}

func (s *server) router() (*framework.Router, error) {
	if s.path == "" {
		return nil, cli.Usagef("-config is needed")
	}
	var opts []framework.LaneOption
	r := framework.NewRouter()
	if err := s.measure(r); err != nil {
		return nil, err
	}
	var err error
	if s.now, err = s.load(); err != nil {
		return nil, err
	}
	if s.filter, err = s.now.filter(); err != nil {
		return nil, err
	}
	if s.now.dryRun {
		opts = append(opts, framework.DryRun())
	}
	r.Mount(s.filter, opts...)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go s.reloadOn(hangups)
	return r, nil
}

// measure serves metrics, if they are asked for.
func (s *server) measure(r *framework.Router) (err error) {
	if s.metrics == "" {
		return nil
	}
	if s.meters, err = newMeters(); err != nil {
		return err
	}
	s.meters.watch(r)
	return s.meters.serve(s.metrics)
}

// load reads the configuration.
func (s *server) load() (*settings, error) {
	next, err := loadConfig(s.path)
	if err == nil && s.meters != nil {
		next.config.Observe = s.meters.observe
	}
	return next, err
}

// reloadOn reads the configuration again for each SIGHUP, until the process
// ends.
func (s *server) reloadOn(hangups <-chan os.Signal) {
	for range hangups {
		if err := s.reload(); err != nil {
			s.log.Error("configuration not reloaded; the old one stays", "file", s.path, "error", err)
			continue
		}
		s.log.Info("configuration reloaded", "file", s.path, "rules", len(s.now.config.Signing.Rules))
	}
}

// reload puts the configuration that the file now has in force. Messages under
// way keep the old one.
func (s *server) reload() error {
	next, err := s.load()
	if err != nil {
		return err
	}
	if next.mode != s.now.mode || next.dryRun != s.now.dryRun {
		return errors.New("another mode, or dry_run, takes a restart")
	}
	if err := s.filter.Reload(next.config); err != nil {
		return err
	}
	s.now = next
	return nil
}

// logger returns a log in the form that the arguments ask for. The shared flags
// keep theirs to themselves.
func logger(args []string) *slog.Logger {
	if slices.ContainsFunc(args, func(a string) bool { return a == "json" || a == "-log-format=json" || a == "--log-format=json" }) {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}
