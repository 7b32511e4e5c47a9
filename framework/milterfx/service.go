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

	"github.com/sluicemail/sluice/framework"
)

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
