package main

import (
	"log/slog"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
)

// Settings are what the constructors need to know.
type Settings struct {
	Listen []string      // addresses, as framework.Listen takes them
	Deny   string        // a file of domains; none if empty
	Stamp  string        // the name of the header field that is added
	Slow   time.Duration // what is slow for a handler; nothing if zero
	Drain  time.Duration // how long messages may finish
}

// spare is how long all that stops after the server may take.
const spare = 5 * time.Second

// Application is the whole program: what is in it, and in which order mail
// passes the filters. Nothing is bound before it is started.
func Application(s Settings, log *slog.Logger) fx.Option {
	return fx.Options(
		milterfx.Defaults(),
		milterfx.Module,
		fx.StopTimeout(s.Drain+spare),
		fx.WithLogger(events),
		fx.Supply(s, log),
		fx.Provide(NewConfig, NewDenylist, NewTally),
		milterfx.Filters(
			milterfx.Filter(NewBouncer, framework.FailOpen()), // mail is worth more than the list
			NewStamper,
		),
	)
}

// NewConfig says how the filters are served.
func NewConfig(s Settings, log *slog.Logger) milterfx.Config {
	return milterfx.Config{
		Listen:       s.Listen,
		DrainTimeout: s.Drain,
		Use:          []framework.Middleware{Slow(log, s.Slow)},
	}
}

// events writes all of fx's own log lines at the level debug: errors too, for
// Run says those itself, in one line.
func events(log *slog.Logger) fxevent.Logger {
	events := &fxevent.SlogLogger{Logger: log}
	events.UseLogLevel(slog.LevelDebug)
	events.UseErrorLevel(slog.LevelDebug)
	return events
}
