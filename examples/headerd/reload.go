package main

import (
	"errors"
	"log/slog"
	"syscall"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
)

// ReloadOnHangup reads the file again at every SIGHUP, while the application
// runs.
func ReloadOnHangup(lc fx.Lifecycle, s Settings, rules headers.Config, f *headers.Reloadable, log *slog.Logger) {
	fxcli.OnSignal(lc, syscall.SIGHUP, func() { Reload(s.Config, rules.Metrics, f, log) })
}

// Reload reads the file again. The rules that are in force stay when the new
// ones are wrong, or need more of the MTA than was negotiated at the start:
// those need a restart, which the log says. So does another address of the
// metrics than the one that the file had then.
func Reload(file, metrics string, f *headers.Reloadable, log *slog.Logger) {
	cfg, err := headers.Load(file)
	if err == nil && cfg.Metrics != metrics {
		err = errors.New("another address of the metrics takes a restart")
	}
	if err == nil {
		err = f.Reload(cfg)
	}
	var more *headers.NeedsMoreError
	switch {
	case errors.As(err, &more):
		log.Error("not reloaded: restart to have the new rules", "file", file, "missing", more.Missing)
	case err != nil:
		log.Error("not reloaded", "file", file, "error", err)
	default:
		log.Info("reloaded", "file", file, "rules", f.Rules())
	}
}
