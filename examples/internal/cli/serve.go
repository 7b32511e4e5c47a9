package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

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
	go func() { served <- framework.RunContext(ctx, address, r, cfg) }()
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
