package resolver

import (
	"container/list"
	"context"
	"errors"
	"time"
)

// flight is the lookup of a name for all who wait for it. It ends early if nobody
// waits any more.
type flight struct {
	key
	parent string // the registrable domain of the name
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when outcome is set
	// outcome is what the callers get.
	outcome *entry

	callers int // guarded by Resolver.mu

	granted chan struct{} // closed when the flight has a place
	// These are guarded by places.mu.
	domain  *domain
	element *list.Element
	since   time.Time   // when it got its place
	old     *time.Timer // until the end of its grace period
	yields  bool
}

// errUnwanted is the cause of the end of a flight for which nobody waits.
var errUnwanted = errors.New("nobody waits for the answer")

func newFlight(k key) *flight {
	f := &flight{key: k, parent: parentDomain(k.name), done: make(chan struct{}), granted: make(chan struct{})}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	return f
}

func (f *flight) isGranted() bool {
	select {
	case <-f.granted:
		return true
	default:
		return false
	}
}

// join returns the flight for a name, and starts one if there is none. The caller
// must call quit.
func (r *Resolver) join(k key) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.flights[k]
	if !ok {
		f = newFlight(k)
		r.flights[k] = f
		go r.fly(f)
	}
	f.callers++
	return f
}

// quit ends the wait for a flight. The last caller ends the flight.
func (r *Resolver) quit(f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.callers--; f.callers == 0 {
		r.drop(f)
		f.cancel(errUnwanted)
	}
}

// drop makes further callers start another flight. The caller must hold the lock.
func (r *Resolver) drop(f *flight) {
	if r.flights[f.key] == f {
		delete(r.flights, f.key)
	}
}

// fly looks up the name.
func (r *Resolver) fly(f *flight) {
	f.outcome = r.find(f)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(f)
	close(f.done)
}

func (r *Resolver) find(f *flight) *entry {
	if e, ok := r.cache.get(f.key); ok { // another flight ended in the meantime
		return e
	}
	if err := r.places.take(f, r.cfg.Timeout); err != nil {
		return r.tooBusy(f, err)
	}
	defer r.places.leave(f)
	ctx, cancel := context.WithTimeout(f.ctx, r.cfg.Timeout)
	defer cancel()
	answer, err := r.ask(ctx, f.name, f.record)
	if cause := context.Cause(f.ctx); cause != nil && err != nil && !isFinal(err) {
		return r.tooBusy(f, cause)
	}
	return r.keep(f.key, answer, err)
}

// tooBusy returns the outcome of a flight that did not get what the servers would
// have answered. The cache does not keep it.
func (r *Resolver) tooBusy(f *flight, why error) *entry {
	switch {
	case errors.Is(why, errUnwanted):
	case errors.Is(why, errGaveWay):
		r.gaveWay.Add(1)
		r.busy.Add(1)
	default:
		r.busy.Add(1)
	}
	return &entry{key: f.key, err: newFailure(ErrBusy, f.name, f.record, why)}
}
