package main

import (
	"cmp"
	"log/slog"
	"time"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/systemd"
)

// Settings are what the constructors need to know.
type Settings struct {
	Config  string        // the file of the rules
	Listen  []string      // addresses, as framework.Listen takes them
	Metrics string        // where metrics and probes are answered; what the file says if empty
	Drain   time.Duration // how long messages may finish
}

// spare is how long all that stops after the server may take.
const spare = 5 * time.Second

// Application is the whole program. Nothing is bound before it is started.
func Application(s Settings, log *slog.Logger) fx.Option {
	return fx.Options(
		milterfx.Defaults(),
		milterfx.Module,
		systemd.Module,
		fx.StopTimeout(s.Drain+spare),
		fx.WithLogger(fxcli.Events),
		fx.Supply(s, log),
		fx.Provide(NewRules, NewFilter, NewAddress, NewConfig, monitor.New),
		fx.Invoke(ReloadOnHangup, (*monitor.Monitor).Watch),
		milterfx.Filters(func(f *headers.Reloadable) *headers.Reloadable { return f }),
	)
}

// NewRules reads the file that the settings name.
func NewRules(s Settings) (headers.Config, error) { return headers.Load(s.Config) }

// NewFilter returns the filter of the rules.
func NewFilter(rules headers.Config) (*headers.Reloadable, error) {
	return headers.NewReloadable(rules)
}

// NewAddress says where metrics are shown.
func NewAddress(s Settings, rules headers.Config) monitor.Address {
	return monitor.Address(cmp.Or(s.Metrics, rules.Metrics))
}

// NewConfig says how the filter is served.
func NewConfig(s Settings, m *monitor.Monitor) milterfx.Config {
	return milterfx.Config{Listen: s.Listen, DrainTimeout: s.Drain, Use: m.Middleware()}
}
