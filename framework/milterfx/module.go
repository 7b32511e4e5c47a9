package milterfx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
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

// service is the server between OnStart and OnStop.
type service struct {
	cfg     Config
	srv     *framework.Server
	log     *slog.Logger
	status  *Status
	app     fx.Shutdowner
	serving sync.WaitGroup
	failure sync.Once
}

var errRestarted = errors.New("milterfx: the server was stopped, and cannot be started again: make a new application")

// start is the OnStart hook. All is bound before anything is served.
func (s *service) start(context.Context) error {
	if s.status.State() != Starting {
		return errRestarted
	}
	listeners, err := s.bind()
	if err != nil {
		return err
	}
	addrs := make([]net.Addr, len(listeners))
	for i, ln := range listeners {
		addrs[i] = ln.Addr()
		s.log.Info("serving", "address", addrs[i].String())
		s.serving.Go(func() { s.serve(ln) })
	}
	s.status.listening(addrs)
	return nil
}

func (s *service) bind() ([]net.Listener, error) {
	var listeners []net.Listener
	for _, address := range s.cfg.Listen {
		ln, err := s.cfg.Open(address)
		if err != nil {
			for _, bound := range listeners {
				_ = bound.Close()
			}
			return nil, err
		}
		listeners = append(listeners, ln)
	}
	return listeners, nil
}

// serve accepts MTAs, and ends the application if that fails. One failure is
// enough: fx takes no second order.
func (s *service) serve(ln net.Listener) {
	err := s.srv.Serve(ln)
	if errors.Is(err, framework.ErrServerClosed) {
		return
	}
	s.log.Error("serving failed", "address", ln.Addr().String(), "error", err)
	s.failure.Do(func() {
		s.status.advance(Draining)
		if err := s.app.Shutdown(fx.ExitCode(ExitCode)); err != nil {
			s.log.Error("the application could not be told to end", "error", err)
		}
	})
}

// stop is the OnStop hook.
func (s *service) stop(ctx context.Context) error {
	s.status.advance(Draining)
	limit := s.drainLimit(ctx)
	s.log.Info("draining", "at most", limit)
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// fx has taken the first signal, and listens for no second.
	interrupted, release := signal.NotifyContext(timed, os.Interrupt, syscall.SIGTERM)
	defer release()

	err := s.srv.Shutdown(interrupted)
	s.serving.Wait()
	s.status.advance(Stopped)
	switch {
	case err == nil:
		s.log.Info("drained")
		return nil
	case timed.Err() == nil:
		s.log.Warn("closed by a second signal before all MTAs had finished")
		return nil
	}
	return fmt.Errorf("milterfx: closed before all MTAs had finished: %w", err)
}

// leave is the most time that draining leaves to the OnStop hooks that follow.
const leave = 2 * time.Second

// drainLimit is how long MTAs may finish: the drain timeout, or less where fx
// would otherwise run out of time for the hooks that follow.
func (s *service) drainLimit(ctx context.Context) time.Duration {
	limit := s.cfg.DrainTimeout
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end)
		limit = min(limit, left-min(left/5, leave))
	}
	return limit
}
