package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/framework"
)

// serveUntilSignal serves until SIGINT or SIGTERM, and then drains. A second such
// signal ends the drain at once: the function returns, and the connections end
// with the process. SIGHUP is logged and ignored, because there is no
// configuration to reload.
func serveUntilSignal(address string, r *framework.Router, cfg framework.Config) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	served := make(chan error, 1)
	go func() { served <- RunContext(ctx, address, r, cfg) }()
	for {
		select {
		case err := <-served:
			return err
		case <-hangups:
			cfg.Logger.Info("SIGHUP ignored: no configuration to reload")
		case sig := <-signals:
			if ctx.Err() != nil {
				return nil
			}
			cancel(fmt.Errorf("signal: %v", sig))
		}
	}
}

// RunContext does what [framework.RunContext] does. If the recorder of the configuration is
// an [*inspecting.Page], it shows the figures of the server.
func RunContext(ctx context.Context, address string, r *framework.Router, cfg framework.Config) error {
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	srv, err := framework.NewServer(r, cfg)
	if err != nil {
		return err
	}
	if p, ok := cfg.Recorder.(*inspecting.Page); ok {
		p.Watch(srv)
	}
	ln, err := framework.Listen(address)
	if err != nil {
		return err
	}
	cfg.Logger.Info("serving", "address", ln.Addr().String())
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	cfg.Logger.Info("draining", "cause", context.Cause(ctx).Error(), "timeout", framework.DefaultDrain)
	return errors.Join(drain(srv), notClosed(<-served))
}

// drain lets MTAs finish their messages.
func drain(srv *framework.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), framework.DefaultDrain)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return fmt.Errorf("connections closed before all MTAs had finished, after %v: %w", framework.DefaultDrain, err)
	}
	return nil
}

// notClosed returns the error of Serve, unless it says that the server was shut down.
func notClosed(err error) error {
	if errors.Is(err, framework.ErrServerClosed) {
		return nil
	}
	return err
}
