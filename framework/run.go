package framework

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// DefaultDrain is how long [Run] lets MTAs finish after a signal, before it
// closes their connections.
const DefaultDrain = 30 * time.Second

// DefaultDrainGrace is Config.DrainGrace where that is zero. A session that seems
// idle may have a message under way: where no filter asks for what comes before
// the end of the message, Postfix has nothing to send while its client takes its
// time. A session that is closed then has the message deferred, as one that comes
// soon after another over the same connection is. Hence a grace for both; but an
// MTA that keeps a connection open for no purpose must not use up the whole drain.
const DefaultDrainGrace = 10 * time.Second

// Run serves the router at an address, as [Listen] takes it, until SIGINT or
// SIGTERM. It then drains: MTAs may finish for [DefaultDrain]; a second signal
// closes at once. It returns nil after a signal, and else the error that kept it
// from serving: wrong registrations, each with its file and line, before
// anything is bound. SIGHUP is logged and does nothing, for there is no
// configuration to read again.
func Run(address string, r *Router) error { return RunConfig(address, r, Config{}) }

// RunConfig is [Run] with a configuration.
func RunConfig(address string, r *Router, cfg Config) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	srv, served, err := serveAt(address, r, cfg)
	if err != nil {
		return err
	}
	for {
		select {
		case err := <-served:
			return err
		case <-hangups:
			srv.cfg.Logger.Info("SIGHUP: there is no configuration to read again")
		case sig := <-signals:
			srv.cfg.Logger.Info("draining", "signal", sig.String(), "at most", DefaultDrain)
			return srv.finish(signals)
		}
	}
}

// serveAt begins to serve. What serving ends with comes out of the channel.
func serveAt(address string, r *Router, cfg Config) (*Server, <-chan error, error) {
	srv, err := NewServer(r, cfg)
	if err != nil {
		return nil, nil, err
	}
	ln, err := Listen(address)
	if err != nil {
		return nil, nil, err
	}
	srv.cfg.Logger.Info("serving", "address", ln.Addr().String())
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	return srv, served, nil
}

// finish drains, until a signal comes at the latest.
func (srv *Server) finish(signals <-chan os.Signal) error {
	ctx, cancel := context.WithTimeout(context.Background(), DefaultDrain)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := srv.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("framework: closed before all MTAs had finished: %w", err)
	}
	return nil
}
