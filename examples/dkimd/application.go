package main

import (
	"log/slog"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
)

// application returns the options of the whole program. Nothing is bound before
// the application starts.
func application(s fxcli.Settings, conf *settings, log *slog.Logger) fx.Option {
	return fx.Options(
		fx.Supply(conf, monitor.Address(conf.metrics), s.Inspect.Over(conf.inspect)),
		fx.Provide(newMeters, newFilter),
		fx.Invoke(reloadOnHangup),
		fxcli.Daemon(s, log),
		milterfx.Filters(milterfx.Filter(func(f *dkim.Filter) *dkim.Filter { return f }, conf.lane()...)),
		fxcli.HandOver(s),
	)
}

// lane returns the options with which the filter is mounted.
func (s *settings) lane() []framework.LaneOption {
	if s.dryRun {
		return []framework.LaneOption{framework.DryRun()}
	}
	return nil
}

// newFilter returns the filter, which reports its events to the meters. It logs
// the warnings about the configuration.
func newFilter(s *settings, m *meters, log *slog.Logger) (*dkim.Filter, error) {
	for _, warning := range s.warnings {
		log.Warn("the configuration has a setting without effect", "error", warning)
	}
	s.config.Observe = m.observe
	return s.filter()
}
