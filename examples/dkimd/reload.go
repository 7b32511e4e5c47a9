package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/configfile"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/dnsfile"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// reloader applies a new configuration to the filter.
type reloader struct {
	path   string
	shown  string // the address of the metrics on the command line, or ""
	files  *configfile.Loader[*settings]
	active *settings
	filter *dkim.Filter
	dns    *dnsfile.Meters
	log    *slog.Logger
}

// reloadOnHangup reloads the configuration at every SIGHUP while the application
// runs.
func reloadOnHangup(lc fx.Lifecycle, s fxcli.Settings, conf *settings, f *dkim.Filter, meters *meters, m *monitor.Monitor, log *slog.Logger) {
	r := &reloader{
		path: s.Config, shown: s.Metrics, files: configfile.NewLoader[*settings](), active: conf, filter: f, dns: meters.dns, log: log,
	}
	fxcli.OnHangup(lc, m, log, r.hangUp)
}

func (r *reloader) hangUp(ctx context.Context) error {
	switch err := r.reload(ctx); {
	case needsRestart(err):
		r.log.Error(fxcli.NeedsRestart, "file", r.path, "error", err)
		return err
	case err != nil:
		r.log.Error("configuration not reloaded: the old one stays in force", "file", r.path, "error", err)
		return err
	}
	r.log.Info("configuration reloaded", "file", r.path, "rules", len(r.active.config.Signing.Rules))
	return nil
}

// reload reads the configuration file and applies it to all messages that begin
// from now on. For a message that has begun, the old configuration stays in
// force. It gives up with the context if a file system does not answer.
func (r *reloader) reload(ctx context.Context) error {
	next, err := r.files.Load(ctx, func() (*settings, error) { return loadWith(r.path, r.shown) })
	if err != nil {
		return err
	}
	if err := r.apply(next); err != nil {
		return err
	}
	r.dns.Watch(looking(next.resolver))
	return nil
}

// loadWith reads a configuration. The address of the metrics takes precedence over the
// file's, unless it is empty.
func loadWith(path, metrics string) (*settings, error) {
	s, err := loadConfig(path)
	if err != nil {
		return nil, err
	}
	s.metrics = cmp.Or(metrics, s.metrics)
	return s, nil
}

// needsRestart reports whether an error says that a configuration needs a restart.
func needsRestart(err error) bool {
	return errors.Is(err, errRestart) || errors.Is(err, dkim.ErrRestart)
}

// errRestart is the error of a configuration with settings that are used only at the start.
var errRestart = errors.New("a new mode, dry_run, metrics or inspect needs a restart")

func (r *reloader) apply(next *settings) error {
	if next.mode != r.active.mode || next.dryRun != r.active.dryRun || next.metrics != r.active.metrics ||
		!yamlconf.Same(next.section, r.active.section) {
		return errRestart
	}
	next.config.Observe = r.active.config.Observe
	if err := r.filter.Reload(next.config); err != nil {
		return err
	}
	r.active = next
	return nil
}

// against returns a [*fxcli.RestartError] if a program that was started with the file old
// would not reload the configuration. metrics is the address on its command line, or "".
func against(old, metrics string, next *settings) error {
	before, err := loadWith(old, metrics)
	if err != nil {
		return fxcli.OldError(old, err)
	}
	filter, err := before.filter()
	if err != nil {
		return fxcli.OldError(old, err)
	}
	err = (&reloader{active: before, filter: filter}).apply(next)
	if needsRestart(err) {
		return &fxcli.RestartError{Old: old, Err: err}
	}
	return err
}
