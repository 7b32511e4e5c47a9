package remote

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/sluicemail/sluice/wire/mta"
)

// pool is the milters that a filter can give a session to.
type pool struct {
	members []*member
	next    atomic.Uint64 // the member that is asked first
}

func newPool(cfg *Config) (*pool, error) {
	p := new(pool)
	for _, addr := range cfg.Addresses {
		m, err := newMember(cfg, addr)
		if err != nil {
			return nil, err
		}
		p.members = append(p.members, m)
	}
	return p, nil
}

// errEjected reports that a milter failed in its last sessions and is not asked for now.
var errEjected = errors.New("it failed in its last sessions and is not asked for now")

// open returns a connection to a milter of the pool. It asks the milters in turn: first
// those that are healthy, then those that another session tries, because they may be back.
// If suits returns an error for a connection, the next milter is asked.
func (p *pool) open(ctx context.Context, o mta.Offer, suits func(*link) error) (*link, error) {
	var errs []error
	var waiting []func() (*link, error)
	start := p.next.Add(1)
	for i := range p.members {
		m := p.members[(start+uint64(i))%uint64(len(p.members))]
		admission, t := m.breaker.admit()
		switch admission {
		case ejected:
			errs = append(errs, m.failed("paused", errEjected))
			continue
		case trying:
			waiting = append(waiting, func() (*link, error) { return m.connect(ctx, o, t, suits) })
			continue
		case admitted:
		}
		l, err := m.connect(ctx, o, t, suits)
		if err == nil {
			return l, nil
		}
		errs = append(errs, err)
	}
	for _, connect := range waiting {
		l, err := connect()
		if err == nil {
			return l, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// connect returns a connection that was kept, or a new one. If one that was kept turns out
// to be broken, another one takes its place.
func (m *member) connect(ctx context.Context, o mta.Offer, t *ticket, suits func(*link) error) (*link, error) {
	for {
		l, kept := m.idle.take(o), true
		if l == nil {
			var err error
			if l, err = m.open(ctx, o); err != nil {
				t.failed(err)
				return nil, err
			}
			kept = false
		}
		l.ticket = t
		err := suits(l)
		if err == nil {
			return l, nil
		}
		broken := l.Err() != nil
		l.quit(ctx)
		if kept && broken && ctx.Err() == nil {
			continue
		}
		err = m.failed("does not suit", err)
		if errors.Is(err, errRefusing) {
			t.succeeded() // it works for other MTAs
		} else {
			t.failed(err)
		}
		return nil, err
	}
}

// close closes the connections that are kept.
func (p *pool) close() {
	for _, m := range p.members {
		m.idle.drop()
	}
}
