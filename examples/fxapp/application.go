package main

import (
	"log/slog"
	"time"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/examples/fxapp/filter"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/handover"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/systemd"
	"github.com/sluicemail/sluice/middleware"
)

// Settings holds what the command line sets.
type Settings struct {
	Listen   []string     // addresses of the filter, in the form of framework.Listen
	Allow    cli.Networks // networks from which mail servers may connect; all if empty
	Health   string       // address of probes and metrics, in the same form; none if empty
	Inspect  inspecting.Settings
	Handover string        // PID file; if empty, the process never hands its sockets over
	Deny     string        // file of domains to refuse; none if empty
	Stamp    string        // name of the header field to add
	Slow     time.Duration // log handlers that take at least this long; none if zero
	Drain    time.Duration // how long to wait for unfinished messages at the stop
}

// Application returns the options of the whole program: its parts, and the order
// in which a message passes the filters. Nothing is bound before the application
// starts.
func Application(s Settings, log *slog.Logger) fx.Option {
	return fx.Options(
		milterfx.Defaults(),
		milterfx.Module,
		systemd.Module,
		fx.StopTimeout(s.Drain+fxcli.Spare),
		fx.WithLogger(fxcli.Events),
		fx.Supply(s, s.Inspect, log),
		fx.Provide(NewConfig, NewDenylist, filter.NewTally, NewMonitor, fxcli.NewPage),
		milterfx.Filters(
			// If it fails, mail passes. Users who have logged in may write as they like.
			milterfx.Filter(filter.NewBouncer, framework.FailOpen(),
				framework.With(middleware.When(middleware.Not(middleware.Authenticated())))),
			newStamper,
		),
		fx.Invoke((*Monitor).Watch, fxcli.WatchPage),
		handOver(s),
	)
}

// newStamper returns the filter that adds the field of the settings.
func newStamper(s Settings, tally *filter.Tally) framework.Filter {
	return filter.NewStamper(s.Stamp, name, tally)
}

// handOver lets the process hand its sockets over to a successor, if the
// settings ask for it. It must be the last option: an option after it would
// take effect only after the predecessor has ended.
func handOver(s Settings) fx.Option {
	if s.Handover == "" {
		return fx.Options()
	}
	return fx.Options(
		fx.Supply(handover.Config{PIDFile: s.Handover}),
		fx.Invoke(func(p *inspecting.Page, h *handover.Handover) { p.ListenWith(h.Listen) }),
		handover.Module,
	)
}

// NewConfig returns how the filters are served.
func NewConfig(s Settings, log *slog.Logger, m *Monitor, p *inspecting.Page) milterfx.Config {
	return milterfx.Config{
		Listen:       s.Listen,
		Server:       framework.Config{Admission: s.Allow.Admission(), Recorder: p.Recorder()},
		DrainTimeout: s.Drain,
		Use:          []framework.Middleware{m.metrics.Middleware, Slow(log, s.Slow)},
	}
}
