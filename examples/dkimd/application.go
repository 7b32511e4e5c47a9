package main

import (
	"cmp"
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
		fx.Supply(conf, monitor.Address(cmp.Or(s.Metrics, conf.metrics))),
		fx.Provide(newMeters, newFilter),
		fx.Invoke(reloadOnHangup),
		fxcli.Daemon(s, log),
		milterfx.Filters(milterfx.Filter(func(f *dkim.Filter) *dkim.Filter { return f }, conf.lane()...)),
	)
}

// lane returns the options with which the filter is mounted.
func (s *settings) lane() []framework.LaneOption {
	if s.dryRun {
		return []framework.LaneOption{framework.DryRun()}
	}
	return nil
}

// newFilter returns the filter, which reports its events to the meters.
func newFilter(s *settings, m *meters) (*dkim.Filter, error) {
	s.config.Observe = m.observe
	return s.filter()
}
