package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/sluicemail/sluice/framework"
)

// serveUntilSignal serves until SIGINT or SIGTERM, and then drains. A second such
// signal ends the process at once. SIGHUP is logged and ignored, because there is
// no configuration to reload.
func serveUntilSignal(address string, r *framework.Router, cfg framework.Config) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	go func() {
		for {
			select {
			case <-hangups:
				cfg.Logger.Info("SIGHUP ignored: no configuration to reload")
			case <-ctx.Done():
				return
			}
		}
	}()
	return framework.RunContext(ctx, address, r, cfg)
}
