package framework

import "context"

// RunContext is [RunConfig] for a program that has its own ways to be stopped: it
// serves until ctx ends, and then drains for at most [DefaultDrain]. It listens
// to no signals; signal.NotifyContext makes a ctx of them. It returns nil after
// ctx has ended.
func RunContext(ctx context.Context, address string, r *Router, cfg Config) error {
	srv, served, err := serveAt(address, r, cfg)
	if err != nil {
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		srv.cfg.Logger.Info("draining", "cause", context.Cause(ctx).Error(), "at most", DefaultDrain)
		return srv.finish(nil)
	}
}
