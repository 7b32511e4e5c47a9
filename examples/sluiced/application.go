package main

import (
	"log/slog"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/examples/sluiced/internal/config"
	"github.com/sluicemail/sluice/framework/milterfx"
)

// application returns the options of the whole program. Nothing is bound before the application
// starts.
func application(s fxcli.Settings, o config.Options, conf *config.Settings, log *slog.Logger) fx.Option {
	return fx.Options(
		fx.Supply(conf, o, monitor.Address(conf.Metrics), conf.Inspect),
		fx.Provide(newMeters, newFilters),
		fx.Invoke(reloadOnHangup),
		fxcli.Daemon(s, log),
		// All filters of the file are one entry here, which mounts each in a lane.
		milterfx.Filters(func(f *config.Filters) *config.Filters { return f }),
		fxcli.HandOver(s),
	)
}

// newFilters returns the filters, which report to the meters. The warnings about the file are
// logged before sluiced serves; -check prints them instead.
func newFilters(lc fx.Lifecycle, conf *config.Settings, m *meters, log *slog.Logger) (*config.Filters, error) {
	lc.Append(fx.StartHook(func() { logWarnings(conf, log) }))
	return conf.Build(config.Hooks{Log: log, Signing: m.signed, Authenticated: m.authenticated, Sealed: m.sealed})
}

func logWarnings(conf *config.Settings, log *slog.Logger) {
	for _, w := range conf.Warnings {
		log.Warn("suspicious configuration", "warning", w.Error())
	}
}
