package middleware

import (
	"context"
	"slices"
	"sync"
	"time"
)

// semaphore hands out a limited number of tickets, and queues the requests beyond
// it, first come, first served.
type semaphore struct {
	max, queue int
	wait       time.Duration

	mu      sync.Mutex
	taken   []*ticket
	waiting []*ticket
}

// ticket is valid until it is released. After its context has ended, reap may
// revoke it.
type ticket struct {
	ctx      context.Context //nolint:containedctx // reap checks whether the holder still works
	admitted chan struct{}   // closed when a waiting ticket becomes valid
}

func newSemaphore(cfg *ThrottleConfig) *semaphore {
	return &semaphore{max: cfg.Max, queue: cfg.Queue, wait: cfg.Wait}
}

// reapInterval is how often a waiting request revokes tickets of ended contexts.
const reapInterval = 250 * time.Millisecond

// acquire makes t valid, if necessary after a wait, and reports whether it
// succeeded. The caller must then release t.
func (sem *semaphore) acquire(ctx context.Context, t *ticket) bool {
	t.ctx = ctx
	sem.mu.Lock()
	if len(sem.taken) >= sem.max {
		sem.reap()
	}
	if len(sem.taken) < sem.max {
		sem.taken = append(sem.taken, t)
		sem.mu.Unlock()
		return true
	}
	if len(sem.waiting) >= sem.queue {
		sem.mu.Unlock()
		return false
	}
	t.admitted = make(chan struct{})
	sem.waiting = append(sem.waiting, t)
	sem.mu.Unlock()
	return sem.await(t)
}

// await waits until t is admitted. If t is admitted at the moment at which the
// wait ends, it is valid.
func (sem *semaphore) await(t *ticket) bool {
	tick := time.NewTicker(reapInterval)
	defer tick.Stop()
	var late <-chan time.Time
	if sem.wait > 0 {
		timer := time.NewTimer(sem.wait)
		defer timer.Stop()
		late = timer.C
	}
	for {
		select {
		case <-t.admitted:
			return true
		case <-t.ctx.Done():
			return sem.cancel(t)
		case <-late:
			return sem.cancel(t)
		case <-tick.C:
			sem.mu.Lock()
			sem.reap()
			sem.mu.Unlock()
		}
	}
}

// cancel removes t from the queue, and reports whether t was admitted before.
func (sem *semaphore) cancel(t *ticket) bool {
	sem.mu.Lock()
	defer sem.mu.Unlock()
	if i := slices.Index(sem.waiting, t); i >= 0 {
		sem.waiting = slices.Delete(sem.waiting, i, i+1)
	}
	return slices.Contains(sem.taken, t)
}

// release makes t invalid, and admits a waiting ticket. It may be called for a
// ticket that reap has revoked.
func (sem *semaphore) release(t *ticket) {
	sem.mu.Lock()
	defer sem.mu.Unlock()
	sem.remove(t)
	sem.admit()
}

// renew replaces the context of t, and reports whether t is still valid.
func (sem *semaphore) renew(ctx context.Context, t *ticket) bool {
	sem.mu.Lock()
	defer sem.mu.Unlock()
	if !slices.Contains(sem.taken, t) {
		return false
	}
	t.ctx = ctx
	return true
}

// reap revokes the tickets whose context has ended: those of handlers that
// exceeded their deadline, and of sessions whose MTA closed the connection.
func (sem *semaphore) reap() {
	sem.taken = slices.DeleteFunc(sem.taken, func(t *ticket) bool { return t.ctx.Err() != nil })
	sem.admit()
}

// admit makes waiting tickets valid while the limit allows it.
func (sem *semaphore) admit() {
	for len(sem.waiting) > 0 && len(sem.taken) < sem.max {
		t := sem.waiting[0]
		sem.waiting = slices.Delete(sem.waiting, 0, 1)
		if t.ctx.Err() != nil {
			continue // its request returns by itself
		}
		sem.taken = append(sem.taken, t)
		close(t.admitted)
	}
}

func (sem *semaphore) remove(t *ticket) {
	if i := slices.Index(sem.taken, t); i >= 0 {
		last := len(sem.taken) - 1
		sem.taken[i], sem.taken[last] = sem.taken[last], nil
		sem.taken = sem.taken[:last]
	}
}
