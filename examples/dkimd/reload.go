package main

import (
	"errors"
	"log/slog"
	"syscall"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
)

// reloader applies a new configuration to the filter.
type reloader struct {
	path   string
	active *settings
	filter *dkim.Filter
	log    *slog.Logger
}

// reloadOnHangup reloads the configuration at every SIGHUP while the application
// runs.
func reloadOnHangup(lc fx.Lifecycle, s fxcli.Settings, conf *settings, f *dkim.Filter, log *slog.Logger) {
	r := &reloader{path: s.Config, active: conf, filter: f, log: log}
	fxcli.OnSignal(lc, syscall.SIGHUP, r.hangUp)
}

func (r *reloader) hangUp() {
	if err := r.reload(); err != nil {
		r.log.Error("configuration not reloaded: the old one stays in force", "file", r.path, "error", err)
		return
	}
	r.log.Info("configuration reloaded", "file", r.path, "rules", len(r.active.config.Signing.Rules))
}

// reload reads the configuration file and applies it to all messages that begin
// from now on. For a message that has begun, the old configuration stays in
// force.
func (r *reloader) reload() error {
	next, err := loadConfig(r.path)
	if err != nil {
		return err
	}
	if next.mode != r.active.mode || next.dryRun != r.active.dryRun || next.metrics != r.active.metrics {
		return errors.New("a new mode, dry_run or metrics needs a restart")
	}
	next.config.Observe = r.active.config.Observe
	if err := r.filter.Reload(next.config); err != nil {
		return err
	}
	r.active = next
	return nil
}
