package fxcli

import (
	"context"
	"log/slog"
	"syscall"
	"time"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/framework/systemd"
)

// NeedsRestart is what daemons log if a reload fails because the new configuration needs a
// restart. Operators look for it.
const NeedsRestart = "configuration not reloaded: the new rules need a restart"

// OnHangup calls reload at every SIGHUP while the application runs, as [OnSignal] does. The
// monitor and systemd learn the result. reload must log its error.
func OnHangup(lc fx.Lifecycle, m *monitor.Monitor, log *slog.Logger, reload func(context.Context) error) {
	OnSignal(lc, syscall.SIGHUP, log, func(ctx context.Context) {
		systemd.Reload(log, func() string {
			err := reload(ctx)
			m.Reloaded(err == nil)
			return reloadStatus(time.Now(), err)
		})
	})
}

// reloadStatus returns the text that "systemctl status" shows after a reload.
func reloadStatus(at time.Time, err error) string {
	when := at.Format(time.DateTime)
	if err != nil {
		return when + " configuration refused, the old one stays in force: " + err.Error()
	}
	return when + " configuration reloaded"
}
