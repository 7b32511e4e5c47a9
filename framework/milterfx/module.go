package milterfx

import (
	"errors"
	"log/slog"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/sluicemail/sluice/framework"
)

// StopTimeout is the stop timeout that [Defaults] sets: enough for the default
// drain, and five seconds for what stops after it.
const StopTimeout = framework.DefaultDrain + 5*time.Second

// ExitCode is the exit status of an application whose server failed while it
// served: 69, EX_UNAVAILABLE, which systemd shows by name. A start or a stop
// that fails makes fx exit with 1.
const ExitCode = 69

// Module is a milter server that starts and stops with the application. It needs
// a [Config] and one list of [Filters], takes a *slog.Logger if there is one,
// and provides what [Result] holds. The server runs whether or not anything else
// asks for it.
var Module = fx.Module("milter",
	fx.Provide(New),
	fx.Invoke(func(*framework.Server) {}),
)

// Params is what [New] needs.
type Params struct {
	fx.In

	Config     Config
	Lanes      Lanes
	Logger     *slog.Logger `optional:"true"`
	Lifecycle  fx.Lifecycle
	Shutdowner fx.Shutdowner
}

// Result is what [New] provides.
type Result struct {
	fx.Out

	// Server is made, and serves between OnStart and OnStop.
	Server *framework.Server
	// Plan is what the server asks MTAs for. It can be had without a start.
	Plan *framework.Plan
	// Status tells whether the server serves.
	Status *Status
}

// New registers the filters, makes their plan, and hooks the server into the
// lifecycle. Nothing is bound before OnStart. The error is about the
// configuration, or joins a [*framework.RegistrationError] for each mistake in
// the filters.
func New(p Params) (Result, error) {
	cfg, err := p.Config.complete(p.Logger)
	if err != nil {
		return Result{}, err
	}
	r := framework.NewRouter()
	r.Use(cfg.Use...)
	mistakes := p.Lanes.mount(r)
	srv, err := framework.NewServer(r, cfg.Server)
	if err := errors.Join(mistakes, err); err != nil {
		return Result{}, err
	}
	s := &service{cfg: cfg, srv: srv, log: cfg.Server.Logger, status: new(Status), app: p.Shutdowner}
	p.Lifecycle.Append(fx.Hook{OnStart: s.start, OnStop: s.stop})
	return Result{Server: srv, Plan: srv.Plan(), Status: s.status}, nil
}

// Defaults are settings that fx takes from the top of an application only: the
// stop timeout [StopTimeout], and fx's own log lines to the application's
// *slog.Logger, or slog.Default() if it provides none, as [EventLogger] does.
// Options that stand after it win.
func Defaults() fx.Option {
	return fx.Options(
		fx.StopTimeout(StopTimeout),
		fx.WithLogger(func(p eventParams) fxevent.Logger { return EventLogger(p.Logger) }),
	)
}

type eventParams struct {
	fx.In

	Logger *slog.Logger `optional:"true"`
}

// EventLogger writes fx's own log lines to log, or to slog.Default() if that is
// nil: errors as such, and all else at the level debug, for fx tells every
// constructor. It is for fx.WithLogger.
func EventLogger(log *slog.Logger) fxevent.Logger {
	if log == nil {
		log = slog.Default()
	}
	events := &fxevent.SlogLogger{Logger: log}
	events.UseLogLevel(slog.LevelDebug)
	return events
}
