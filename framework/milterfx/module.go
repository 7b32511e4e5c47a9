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

// StopTimeout is the stop timeout that [Defaults] sets. It is long enough for
// the default drain and leaves five seconds for the hooks that run after it.
const StopTimeout = framework.DefaultDrain + 5*time.Second

// ExitCode is the exit status of an application whose server failed while
// serving. It is 69, EX_UNAVAILABLE, which systemd shows by name. If a start or
// a stop fails, fx exits with 1.
const ExitCode = 69

// Module provides a milter server that starts and stops with the application.
// It requires a [Config] and one list of [Filters], uses the application's
// *slog.Logger if there is one, and provides the fields of [Result]. The server
// runs even if nothing else in the application depends on it.
var Module = fx.Module("milter",
	fx.Provide(New),
	fx.Invoke(func(*framework.Server) {}),
)

// Params holds the dependencies of [New].
type Params struct {
	fx.In

	Config     Config
	Lanes      Lanes
	Logger     *slog.Logger `optional:"true"`
	Lifecycle  fx.Lifecycle
	Shutdowner fx.Shutdowner
}

// Result holds what [New] provides.
type Result struct {
	fx.Out

	// Server serves between OnStart and OnStop.
	Server *framework.Server
	// Plan is what the server requests from MTAs. It is available before
	// the start.
	Plan *framework.Plan
	// Status reports whether the server is ready.
	Status *Status
}

// New registers the filters, builds their plan, and appends the server to the
// lifecycle. It binds no address; OnStart does. The error describes the
// configuration, or joins one [*framework.RegistrationError] for each mistake
// in the filters.
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

// Defaults returns options that fx accepts only at the top level of an
// application: the stop timeout [StopTimeout], and an [EventLogger] that writes
// to the application's *slog.Logger, or to slog.Default() if it provides none.
// Options that follow Defaults override it.
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

// EventLogger returns a logger for fx.WithLogger that writes fx's events to
// log, or to slog.Default() if log is nil. It logs errors at level error and
// all other events at level debug, because fx logs every constructor.
func EventLogger(log *slog.Logger) fxevent.Logger {
	if log == nil {
		log = slog.Default()
	}
	events := &fxevent.SlogLogger{Logger: log}
	events.UseLogLevel(slog.LevelDebug)
	return events
}

// service runs the server between OnStart and OnStop.
type service struct {
	cfg     Config
	srv     *framework.Server
	log     *slog.Logger
	status  *Status
	app     fx.Shutdowner
	serving sync.WaitGroup
	failure sync.Once
}

var errRestarted = errors.New("milterfx: a stopped server cannot be started again: make a new application")

// start is the OnStart hook. It binds all addresses before it serves any.
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
	s.status.setReady(addrs)
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

// serve accepts MTAs. If that fails, it shuts down the application, once,
// because fx accepts only one shutdown request.
func (s *service) serve(ln net.Listener) {
	err := s.srv.Serve(ln)
	if errors.Is(err, framework.ErrServerClosed) {
		return
	}
	s.log.Error("serving failed", "address", ln.Addr().String(), "error", err)
	s.failure.Do(func() {
		s.status.advance(Draining)
		if err := s.app.Shutdown(fx.ExitCode(ExitCode)); err != nil {
			s.log.Error("cannot shut down the application", "error", err)
		}
	})
}

// stop is the OnStop hook.
func (s *service) stop(ctx context.Context) error {
	s.status.advance(Draining)
	limit := s.drainLimit(ctx)
	s.log.Info("draining", "at_most", limit)
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// fx has received the first signal and does not handle a second one.
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
	return fmt.Errorf("milterfx: closed before all MTAs had finished, after %v: %w", limit, err)
}

// maxReserve is the most time that draining reserves for the OnStop hooks that
// follow.
const maxReserve = 2 * time.Second

// drainLimit returns how long MTAs may finish: the drain timeout, or less if fx
// would otherwise have no time left for the hooks that follow.
func (s *service) drainLimit(ctx context.Context) time.Duration {
	limit := s.cfg.DrainTimeout
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end)
		limit = min(limit, left-min(left/5, maxReserve))
	}
	return limit
}
