package main

import (
	"errors"
	"log/slog"
	"syscall"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
)

// ReloadOnHangup reloads the configuration file at every SIGHUP while the
// application runs.
func ReloadOnHangup(lc fx.Lifecycle, s Settings, rules headers.Config, f *headers.Reloadable, log *slog.Logger) {
	fxcli.OnSignal(lc, syscall.SIGHUP, func() { Reload(s.Config, rules.Metrics, f, log) })
}

// Reload reads the configuration file and replaces the filter's rules. The old
// rules stay if the file has mistakes. They also stay if the new configuration
// needs a restart. A restart is needed if the new rules need more than the
// filter negotiated with the MTA at the start, or if the file no longer has the
// metrics address that it had at the start. The log names the reason.
func Reload(file, metrics string, f *headers.Reloadable, log *slog.Logger) {
	cfg, err := headers.Load(file)
	if err == nil && cfg.Metrics != metrics {
		err = errors.New("a new address for the metrics needs a restart")
	}
	if err == nil {
		err = f.Reload(cfg)
	}
	var more *headers.NeedsMoreError
	switch {
	case errors.As(err, &more):
		log.Error("configuration not reloaded: the new rules need a restart", "file", file, "missing", more.Missing)
	case err != nil:
		log.Error("configuration not reloaded: the old rules stay in force", "file", file, "error", err)
	default:
		log.Info("configuration reloaded", "file", file, "rules", f.Rules())
	}
}
