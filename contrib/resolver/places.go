package resolver

import (
	"container/list"
	"errors"
	"sync"
	"time"
)

// places bounds the flights that query servers at the same time, each with a
// socket. Names that are never answered must not take the places of others,
// however many names and domains a sender uses:
//
//   - A registrable domain has a share of the places. Further flights of the
//     domain wait.
//   - If a flight waits, the oldest one gives way: of the same domain if that has
//     its share, and otherwise of the domain with the most flights. A flight
//     keeps its place for the grace period at least. An answer is usually there
//     before that.
//   - The number of flights that wait is bounded, in total and for each domain.
//
// A place is free only when the flight that gives way has closed its socket.
type places struct {
	most, share               int // flights with a place: in total, and of a domain
	mostWaiting, shareWaiting int
	grace                     time.Duration

	mu             sync.Mutex
	taken, waiting list.List // of *flight, the oldest first
	domains        map[string]*domain
	yielding       bool // a flight was told to give way and has not left
	round          int  // counts the calls of dispatch
}

// domain is a registrable domain with flights.
type domain struct {
	name           string
	taken, waiting int
	yielding       bool
	round          int // the last call of dispatch that looked for a flight to give way
}

// The errors of a flight that ends without the servers' answer.
var (
	errFull    = errors.New("too many wait")
	errWaited  = errors.New("no place in time")
	errGaveWay = errors.New("no answer yet, and others were waiting")
)

func newPlaces(cfg *Config) *places {
	return &places{
		most: cfg.MaxLookups, share: min(cfg.MaxPerDomain, cfg.MaxLookups),
		mostWaiting: cfg.MaxWaiting, shareWaiting: shareOf(cfg.MaxWaiting),
		grace: cfg.GiveWay, domains: make(map[string]*domain),
	}
}

// shareOf returns the part of a limit that one domain may use.
func shareOf(limit int) int { return min(limit, max(8, limit/8)) }

// take waits for a place. The caller must call leave if the error is nil. The time
// of the wait is not taken from the time of the queries: otherwise a lookup that
// waited would fail, and the cache would keep the failure.
func (p *places) take(f *flight, timeout time.Duration) error {
	if !p.enter(f) {
		return errFull
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	err := errWaited
	select {
	case <-f.granted:
		return nil
	case <-timer.C:
	case <-f.ctx.Done():
		err = errUnwanted
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-f.granted: // in the meantime
		return nil
	default:
		p.stopWaiting(f)
		p.forget(f.domain)
		return err
	}
}

// enter puts a flight among those that wait, and gives it a place if one is free.
// It returns false if too many wait.
func (p *places) enter(f *flight) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, ok := p.domains[f.parent]
	if !ok {
		d = &domain{name: f.parent}
		p.domains[f.parent] = d
	}
	f.domain, f.element = d, p.waiting.PushBack(f)
	d.waiting++
	p.dispatch()
	if d.waiting <= p.shareWaiting && p.waiting.Len() <= p.mostWaiting || f.isGranted() {
		return true
	}
	p.stopWaiting(f)
	p.forget(d)
	return false
}

// leave gives the place back.
func (p *places) leave(f *flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.old.Stop()
	p.taken.Remove(f.element)
	f.domain.taken--
	if f.yields {
		p.yielding, f.domain.yielding = false, false
	}
	p.forget(f.domain)
	p.dispatch()
}

// expire is called when a flight has had its grace period.
func (p *places) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dispatch()
}

// dispatch gives the free places to the flights that have waited longest, and makes
// others give way. The caller must hold the lock. The time is linear in the limits.
func (p *places) dispatch() {
	p.round++
	var next *list.Element
	for e := p.waiting.Front(); e != nil; e = next {
		next = e.Next()
		f := e.Value.(*flight) //nolint:forcetypeassert // the list has nothing else
		switch d := f.domain; {
		case d.taken >= p.share:
			if !d.yielding && d.round != p.round {
				d.round = p.round
				p.displace(d)
			}
		case p.taken.Len() < p.most:
			p.grant(f)
		default:
			if !p.yielding {
				p.displace(nil)
			}
			return
		}
	}
}

// grant gives a place to a flight that waits. The caller must hold the lock.
func (p *places) grant(f *flight) {
	p.stopWaiting(f)
	f.element, f.since = p.taken.PushBack(f), time.Now()
	f.domain.taken++
	f.old = time.AfterFunc(p.grace, p.expire)
	close(f.granted)
}

// displace makes the oldest flight give way, of one domain or, for nil, of that with
// the most flights. Nothing happens while no flight has had its grace period. The
// caller must hold the lock.
func (p *places) displace(of *domain) {
	var found *flight
	for e := p.taken.Front(); e != nil; e = e.Next() {
		f := e.Value.(*flight) //nolint:forcetypeassert // the list has nothing else
		if time.Since(f.since) < p.grace {
			break
		}
		if !f.yields && (of == nil || f.domain == of) && (found == nil || f.domain.taken > found.domain.taken) {
			found = f
		}
	}
	if found == nil {
		return
	}
	found.yields, found.domain.yielding, p.yielding = true, true, true
	found.cancel(errGaveWay)
}

// stopWaiting removes a flight from those that wait. The caller must hold the lock.
func (p *places) stopWaiting(f *flight) {
	p.waiting.Remove(f.element)
	f.domain.waiting--
}

// forget removes a domain without flights. The caller must hold the lock.
func (p *places) forget(d *domain) {
	if d.taken+d.waiting == 0 {
		delete(p.domains, d.name)
	}
}

// counts returns the numbers of flights that have a place and that wait.
func (p *places) counts() (taken, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken.Len(), p.waiting.Len()
}
