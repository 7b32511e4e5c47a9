package main

import (
	"cmp"
	"log/slog"
	"time"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/systemd"
)

// spare is how long all that stops after the server may take.
const spare = 5 * time.Second

// application is the whole program. Nothing is bound before it is started.
func application(s Settings, conf *settings, log *slog.Logger) fx.Option {
	return fx.Options(
		milterfx.Defaults(),
		milterfx.Module,
		systemd.Module,
		fx.StopTimeout(s.Drain+spare),
		fx.WithLogger(fxcli.Events),
		fx.Supply(s, conf, log, monitor.Address(cmp.Or(s.Metrics, conf.metrics))),
		fx.Provide(monitor.New, newMeters, newFilter, newConfig),
		fx.Invoke(reloadOnHangup, (*monitor.Monitor).Watch),
		milterfx.Filters(milterfx.Filter(func(f *dkim.Filter) *dkim.Filter { return f }, conf.lane()...)),
	)
}

// lane says how the filter is mounted.
func (s *settings) lane() []framework.LaneOption {
	if s.dryRun {
		return []framework.LaneOption{framework.DryRun()}
	}
	return nil
}

// newFilter makes the filter, which tells the meters what it does.
func newFilter(s *settings, m *meters) (*dkim.Filter, error) {
	s.config.Observe = m.observe
	return s.filter()
}

// newConfig says how the filter is served.
func newConfig(s Settings, m *monitor.Monitor) milterfx.Config {
	return milterfx.Config{Listen: s.Listen, DrainTimeout: s.Drain, Use: m.Middleware()}
}
