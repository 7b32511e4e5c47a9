package main

import (
	"log/slog"
	"time"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/handover"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/systemd"
)

// Settings are what the constructors need to know.
type Settings struct {
	Listen   []string      // addresses, as framework.Listen takes them
	Health   string        // such an address for probes and metrics; none if empty
	Handover string        // the file of the process's number, where it hands over; empty where not
	Deny     string        // a file of domains; none if empty
	Stamp    string        // the name of the header field that is added
	Slow     time.Duration // what is slow for a handler; nothing if zero
	Drain    time.Duration // how long messages may finish
}

// spare is how long all that stops after the server may take.
const spare = 5 * time.Second

// Application is the whole program: what is in it, and in which order mail
// passes the filters. Nothing is bound before it is started.
func Application(s Settings, log *slog.Logger) fx.Option {
	return fx.Options(
		milterfx.Defaults(),
		milterfx.Module,
		systemd.Module,
		fx.StopTimeout(s.Drain+spare),
		fx.WithLogger(fxcli.Events),
		fx.Supply(s, log),
		fx.Provide(NewConfig, NewDenylist, NewTally, NewMonitor),
		milterfx.Filters(
			milterfx.Filter(NewBouncer, framework.FailOpen()), // mail is worth more than the list
			NewStamper,
		),
		fx.Invoke((*Monitor).Watch),
		succession(s),
	)
}

// succession has the program hand its sockets over, if it is asked to. It is the
// last in the list: what starts after it would start when the predecessor has
// gone.
func succession(s Settings) fx.Option {
	if s.Handover == "" {
		return fx.Options()
	}
	return fx.Options(fx.Supply(handover.Config{PIDFile: s.Handover}), handover.Module)
}

// NewConfig says how the filters are served.
func NewConfig(s Settings, log *slog.Logger, m *Monitor) milterfx.Config {
	return milterfx.Config{
		Listen:       s.Listen,
		DrainTimeout: s.Drain,
		Use:          []framework.Middleware{m.metrics.Middleware, Slow(log, s.Slow)},
	}
}
