package fxcli

import (
	"log/slog"
	"slices"
	"time"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/handover"
	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/systemd"
)

// Settings holds what the command line of a daemon sets.
type Settings struct {
	Config  string       // the path of the configuration file
	Listen  []string     // the addresses of the filter, in the form of framework.Listen
	Allow   cli.Networks // the networks from which mail servers may connect; all if empty
	Metrics string       // the address of metrics and probes; if empty, the file's
	// Inspect takes precedence over what the file says about the inspector.
	Inspect inspecting.Flag
	// Handover is the PID file; if empty, the process never hands its sockets over.
	Handover string
	Drain    time.Duration // how long to wait for unfinished messages at the stop
	// Server holds the limits that a configuration file sets. Allow takes precedence over
	// its networks.
	Server framework.Config
	// Use is the middleware that a configuration file lists, inside that of the monitor.
	Use []framework.Middleware
}

// Spare is the time for stopping everything after the server. The fx
// application's timeout for stopping is the drain timeout plus this.
const Spare = 5 * time.Second

// Daemon returns the options that the daemons have in common: the server with
// support for systemd, the monitor, the settings, and the logger. The caller
// adds the filter, a [monitor.Address], the [inspecting.Settings] and, as the last
// option, [HandOver].
func Daemon(s Settings, log *slog.Logger) fx.Option {
	return fx.Options(
		milterfx.Defaults(),
		milterfx.Module,
		systemd.Module,
		fx.StopTimeout(s.Drain+Spare),
		fx.WithLogger(Events),
		fx.Supply(s, log),
		fx.Provide(monitor.New, NewPage, newConfig),
		fx.Invoke(apart, (*monitor.Monitor).Watch, WatchPage, countPage),
	)
}

// HandOver returns the options with which the process hands its sockets over to
// a successor, if the settings ask for it. It must be the last option: an option
// after it would take effect only after the predecessor has ended.
func HandOver(s Settings) fx.Option {
	if s.Handover == "" {
		return fx.Options()
	}
	return fx.Options(
		fx.Supply(handover.Config{PIDFile: s.Handover}),
		fx.Invoke(func() error { return ofFlag("handover")(checkPIDFile(s.Handover)) }),
		fx.Invoke(func(m *monitor.Monitor, p *inspecting.Page, h *handover.Handover) {
			m.ListenWith(h.Listen)
			p.ListenWith(h.Listen)
		}),
		handover.Module,
	)
}

func newConfig(s Settings, m *monitor.Monitor, p *inspecting.Page) milterfx.Config {
	server := s.Server
	server.Recorder = p.Recorder()
	if len(s.Allow) > 0 {
		server.Admission.Networks = s.Allow
	}
	return milterfx.Config{
		Listen: s.Listen, Server: server, DrainTimeout: s.Drain, Use: slices.Concat(m.Middleware(), s.Use),
	}
}
