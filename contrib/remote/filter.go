package remote

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// Filter hands mail to a milter elsewhere, or to a pool of them. It implements
// [framework.Filter] and may be mounted on several routers. Its methods are safe
// for concurrent use.
type Filter struct {
	cfg    Config
	pool   *pool
	shadow *shadow // or nil
}

// New returns a filter. The error names all mistakes in the configuration. New
// opens no connection.
func New(cfg Config) (*Filter, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	p, err := newPool(&cfg)
	if err != nil {
		return nil, err
	}
	return &Filter{cfg: cfg, pool: p, shadow: newShadow(&cfg)}, nil
}

// Name implements [framework.Filter].
func (f *Filter) Name() string { return f.cfg.Name }

// Register implements [framework.Filter]. It asks the milters what they want,
// unless Config.Wishes says so, and waits at most twice Config.DialTimeout for
// each address. The error says which milter did not answer, and why.
func (f *Filter) Register(r *framework.Router) error {
	wishes, err := f.wishes()
	if err != nil {
		return err
	}
	l := newLane(f, wishes)
	if f.shadow != nil {
		newMirror(l).register(r)
	} else {
		l.register(r)
	}
	return nil
}

// wishes returns what to ask of the MTA.
func (f *Filter) wishes() (wire.Negotiate, error) {
	if f.cfg.Wishes != nil {
		return *f.cfg.Wishes, nil
	}
	wishes, err := f.Ask(context.Background())
	switch {
	case err == nil:
		return wishes, nil
	case f.cfg.WishesIfAway != nil:
		f.cfg.Logger.Warn("milter is away at the start; it is taken to want WishesIfAway", "filter", f.cfg.Name, "error", err)
		return *f.cfg.WishesIfAway, nil
	}
	return wire.Negotiate{}, fmt.Errorf("remote: cannot ask the milter what it wants; start it, or set Config.WishesIfAway: %w", err)
}

// Ask asks the milters what they want, and returns the union of the wishes of
// those that answer. It returns an error if none does.
func (f *Filter) Ask(ctx context.Context) (wire.Negotiate, error) {
	var all []wire.Negotiate
	var errs []error
	for _, m := range f.pool.members {
		wishes, err := m.ask(ctx)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, wishes)
	}
	if len(all) == 0 {
		return wire.Negotiate{}, errors.Join(errs...)
	}
	return union(all), nil
}

// Close closes the connections that are kept for later sessions. Sessions that are
// open go on, and their connections are closed when they end. A shadow gets a few seconds to
// compare the messages that have ended; it sees nothing more of sessions that are open.
func (f *Filter) Close() error {
	f.shadow.close()
	f.pool.close()
	return nil
}
