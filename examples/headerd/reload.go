package main

import (
	"context"
	"errors"
	"log/slog"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/contrib/configfile"
	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
)

// ReloadOnHangup reloads the configuration file at every SIGHUP while the
// application runs. It also logs the warnings about the rules that the
// application starts with.
func ReloadOnHangup(lc fx.Lifecycle, s Settings, rules headers.Config, f *headers.Reloadable, m *monitor.Monitor, log *slog.Logger) {
	loader := NewLoader(s)
	fxcli.OnHangup(lc, m, log, func(ctx context.Context) error { return Reload(ctx, loader, rules, f, log) })
	lc.Append(fx.StartHook(func() { logWarnings(f, log) }))
}

// Loader reads the configuration file. It gives up with its context if the file
// system does not answer.
type Loader struct {
	file    string
	metrics string // on the command line
	files   *configfile.Loader[headers.Config]
}

// NewLoader returns a loader of the file that the settings name.
func NewLoader(s Settings) *Loader {
	return &Loader{file: s.Config, metrics: s.Metrics, files: configfile.NewLoader[headers.Config]()}
}

// Load reads the file as [NewRules] does.
func (l *Loader) Load(ctx context.Context) (headers.Config, error) {
	return l.files.Load(ctx, func() (headers.Config, error) { return load(l.file, l.metrics) })
}

// logWarnings logs what is valid in the rules but is probably not meant.
func logWarnings(f *headers.Reloadable, log *slog.Logger) {
	for _, w := range f.Warnings() {
		log.Warn("suspicious rule", "warning", w.Error())
	}
}

// The errors of a configuration that differs in what is used only at the start.
var (
	errMetrics = errors.New("a new address for the metrics needs a restart")
	errInspect = errors.New("a change of inspect needs a restart")
)

// apply gives a filter the rules of a configuration. The program was started with another
// one.
func apply(f *headers.Reloadable, started, cfg headers.Config) error {
	switch {
	case cfg.Metrics != started.Metrics:
		return errMetrics
	case !yamlconf.Same(cfg.Inspect, started.Inspect):
		return errInspect
	}
	return f.Reload(cfg)
}

// against returns a [*fxcli.RestartError] if a program that was started with the file old
// would not reload the rules. metrics is the address on its command line, or "".
func against(old, metrics string, rules headers.Config) error {
	before, err := load(old, metrics)
	if err != nil {
		return fxcli.OldError(old, err)
	}
	running, err := headers.NewReloadable(before)
	if err != nil {
		return err
	}
	err = apply(running, before, rules)
	if errors.Is(err, headers.ErrNeedsMore) || errors.Is(err, errMetrics) || errors.Is(err, errInspect) {
		return &fxcli.RestartError{Old: old, Err: err}
	}
	return err
}

// Reload reads the configuration file and replaces the filter's rules. The old
// rules stay if the file has mistakes. They also stay if the new configuration
// needs a restart. A restart is needed if the new rules need more than the
// filter negotiated with the MTA at the start, or if the address of the metrics or the
// section inspect is no longer that of the start. They also stay if the context ends
// before the file was read. The log names the reason, and Reload returns it.
func Reload(ctx context.Context, l *Loader, started headers.Config, f *headers.Reloadable, log *slog.Logger) error {
	file := l.file
	cfg, err := l.Load(ctx)
	if err == nil {
		err = apply(f, started, cfg)
	}
	var more *headers.NeedsMoreError
	switch {
	case errors.As(err, &more):
		log.Error(fxcli.NeedsRestart, "file", file, "missing", more.Missing)
	case errors.Is(err, errMetrics):
		log.Error(fxcli.NeedsRestart, "file", file, "missing", []string{"the address of the metrics"}, "error", err)
	case errors.Is(err, errInspect):
		log.Error(fxcli.NeedsRestart, "file", file, "missing", []string{"inspect"}, "error", err)
	case err != nil:
		log.Error("configuration not reloaded: the old rules stay in force", "file", file, "error", err)
	default:
		log.Info("configuration reloaded", "file", file, "rules", f.Rules())
		logWarnings(f, log)
	}
	return err
}
