package main

import (
	"context"
	"log/slog"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/configfile"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/examples/sluiced/internal/config"
)

// reloader applies the file again to the filters.
type reloader struct {
	path    string
	options config.Options
	files   *configfile.Loader[*config.Settings]
	filters *config.Filters
	log     *slog.Logger
}

// reloadOnHangup reloads the file at every SIGHUP while the application runs.
func reloadOnHangup(lc fx.Lifecycle, s fxcli.Settings, o config.Options, f *config.Filters, m *monitor.Monitor, log *slog.Logger) {
	o.Resolver = f.Active().Resolver // a new dns needs a restart
	r := &reloader{path: s.Config, options: o, files: configfile.NewLoader[*config.Settings](), filters: f, log: log}
	fxcli.OnHangup(lc, m, log, r.hangUp)
}

func (r *reloader) hangUp(ctx context.Context) error {
	next, err := r.files.Load(ctx, func() (*config.Settings, error) { return config.Load(r.path, r.options) })
	if err == nil {
		err = r.filters.Reload(next)
	}
	switch {
	case config.NeedsRestart(err):
		r.log.Error(fxcli.NeedsRestart, "file", r.path, "error", err)
	case err != nil:
		r.log.Error("configuration not reloaded: the old one stays in force", "file", r.path, "error", err)
	default:
		r.log.Info("configuration reloaded", "file", r.path, "filters", len(next.Lanes()))
		logWarnings(next, r.log)
	}
	return err
}
