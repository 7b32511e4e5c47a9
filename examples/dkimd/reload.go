package main

import (
	"errors"
	"log/slog"
	"syscall"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
)

// reloader puts another configuration in force.
type reloader struct {
	path   string
	now    *settings
	filter *dkim.Filter
	log    *slog.Logger
}

// reloadOnHangup reads the configuration again at every SIGHUP, while the
// application runs.
func reloadOnHangup(lc fx.Lifecycle, s fxcli.Settings, conf *settings, f *dkim.Filter, log *slog.Logger) {
	r := &reloader{path: s.Config, now: conf, filter: f, log: log}
	fxcli.OnSignal(lc, syscall.SIGHUP, r.hangUp)
}

func (r *reloader) hangUp() {
	if err := r.reload(); err != nil {
		r.log.Error("configuration not reloaded; the old one stays", "file", r.path, "error", err)
		return
	}
	r.log.Info("configuration reloaded", "file", r.path, "rules", len(r.now.config.Signing.Rules))
}

// reload puts the configuration that the file now has in force. Messages under
// way keep the old one.
func (r *reloader) reload() error {
	next, err := loadConfig(r.path)
	if err != nil {
		return err
	}
	if next.mode != r.now.mode || next.dryRun != r.now.dryRun || next.metrics != r.now.metrics {
		return errors.New("another mode, dry_run or address of the metrics takes a restart")
	}
	next.config.Observe = r.now.config.Observe
	if err := r.filter.Reload(next.config); err != nil {
		return err
	}
	r.now = next
	return nil
}
