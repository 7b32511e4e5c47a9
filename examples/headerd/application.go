package main

import (
	"cmp"
	"log/slog"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/inspectfile"
	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/framework/milterfx"
)

// Settings holds what the command line sets.
type Settings = fxcli.Settings

// Application returns the options of the whole program. Nothing is bound before
// the application starts.
func Application(s Settings, log *slog.Logger) fx.Option {
	return fx.Options(
		fx.Provide(NewRules, NewFilter, NewAddress, NewInspect),
		fx.Invoke(ReloadOnHangup),
		fxcli.Daemon(s, log),
		milterfx.Filters(func(f *headers.Reloadable) *headers.Reloadable { return f }),
		fxcli.HandOver(s),
	)
}

// NewRules reads the configuration file that the settings name. The address of the metrics
// on the command line takes precedence over the file's.
func NewRules(s Settings) (headers.Config, error) { return load(s.Config, s.Metrics) }

// load reads a file. The address of the metrics takes precedence over the file's, unless it
// is empty. The section inspect has no mistakes.
func load(file, metrics string) (headers.Config, error) {
	rules, err := headers.Load(file)
	if err != nil {
		return headers.Config{}, err
	}
	rules.Metrics = cmp.Or(metrics, rules.Metrics)
	_, err = inspectfile.Settings(file, rules.Inspect, "")
	return rules, err
}

// NewFilter returns a filter with the rules.
func NewFilter(rules headers.Config) (*headers.Reloadable, error) {
	return headers.NewReloadable(rules)
}

// NewInspect returns the settings of the inspector. The flag takes precedence over the file.
func NewInspect(s Settings, rules headers.Config) (inspecting.Settings, error) {
	shown, err := inspectfile.Settings(s.Config, rules.Inspect, "")
	return s.Inspect.Over(shown), err
}

// NewAddress returns the address of the metrics.
func NewAddress(rules headers.Config) monitor.Address { return monitor.Address(rules.Metrics) }
