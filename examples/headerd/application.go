package main

import (
	"log/slog"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework/milterfx"
)

// Settings are what the constructors need to know.
type Settings struct {
	Config string        // the file of the rules
	Listen []string      // addresses, as framework.Listen takes them
	Drain  time.Duration // how long messages may finish
}

// spare is how long all that stops after the server may take.
const spare = 5 * time.Second

// Application is the whole program. Nothing is bound before it is started.
func Application(s Settings, log *slog.Logger) fx.Option {
	return fx.Options(
		milterfx.Defaults(),
		milterfx.Module,
		fx.StopTimeout(s.Drain+spare),
		fx.WithLogger(events),
		fx.Supply(s, log, milterfx.Config{Listen: s.Listen, DrainTimeout: s.Drain}),
		fx.Provide(NewFilter),
		fx.Invoke(ReloadOnHangup),
		milterfx.Filters(func(f *headers.Reloadable) *headers.Reloadable { return f }),
	)
}

// NewFilter returns the filter of the file that the settings name.
func NewFilter(s Settings) (*headers.Reloadable, error) {
	cfg, err := headers.Load(s.Config)
	if err != nil {
		return nil, err
	}
	return headers.NewReloadable(cfg)
}

// events writes all of fx's own log lines at the level debug: errors too, for
// Run says those itself.
func events(log *slog.Logger) fxevent.Logger {
	events := &fxevent.SlogLogger{Logger: log}
	events.UseLogLevel(slog.LevelDebug)
	events.UseErrorLevel(slog.LevelDebug)
	return events
}
