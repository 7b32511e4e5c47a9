package middleware

import (
	"context"
	"slices"
	"sync"
	"time"
)

// gate is a number of places, and those who wait for one, first come, first
// served.
type gate struct {
	max, queue int
	wait       time.Duration

	mu      sync.Mutex
	taken   []*place
	waiting []*place
}

// place is taken for as long as its context goes on, and until it is left.
type place struct {
	ctx  context.Context //nolint:containedctx // it is asked whether the holder is still at work
	turn chan struct{}   // closed when one who waits has got it
}

func newGate(cfg *ThrottleConfig) *gate {
	return &gate{max: cfg.Max, queue: cfg.Queue, wait: cfg.Wait}
}

// reapEvery is how often those who wait look for places whose holders are gone.
const reapEvery = 250 * time.Millisecond

// enter takes a place, and waits for one where that is allowed. Whoever gets
// one leaves it.
func (g *gate) enter(ctx context.Context, p *place) bool {
	p.ctx = ctx
	g.mu.Lock()
	if len(g.taken) >= g.max {
		g.reap()
	}
	if len(g.taken) < g.max {
		g.taken = append(g.taken, p)
		g.mu.Unlock()
		return true
	}
	if len(g.waiting) >= g.queue {
		g.mu.Unlock()
		return false
	}
	p.turn = make(chan struct{})
	g.waiting = append(g.waiting, p)
	g.mu.Unlock()
	return g.await(p)
}

// await waits for the turn of p. A turn that comes together with the end of the
// wait counts.
func (g *gate) await(p *place) bool {
	tick := time.NewTicker(reapEvery)
	defer tick.Stop()
	var late <-chan time.Time
	if g.wait > 0 {
		timer := time.NewTimer(g.wait)
		defer timer.Stop()
		late = timer.C
	}
	for {
		select {
		case <-p.turn:
			return true
		case <-p.ctx.Done():
			return g.giveUp(p)
		case <-late:
			return g.giveUp(p)
		case <-tick.C:
			g.mu.Lock()
			g.reap()
			g.mu.Unlock()
		}
	}
}

// giveUp takes p out of the queue, and reports whether its turn had come.
func (g *gate) giveUp(p *place) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, p); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	return slices.Contains(g.taken, p)
}

// leave gives the place back. It may have been given away already.
func (g *gate) leave(p *place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(p)
	g.admit()
}

// renew says that the holder goes on under another context, and reports whether
// it still has its place.
func (g *gate) renew(ctx context.Context, p *place) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Contains(g.taken, p) {
		return false
	}
	p.ctx = ctx
	return true
}

// reap takes back the places of holders whose context ended: a handler that
// hangs past its deadline, a session whose MTA is gone.
func (g *gate) reap() {
	g.taken = slices.DeleteFunc(g.taken, func(p *place) bool { return p.ctx.Err() != nil })
	g.admit()
}

// admit gives free places to those who wait, and still can make use of one.
func (g *gate) admit() {
	for len(g.waiting) > 0 && len(g.taken) < g.max {
		p := g.waiting[0]
		g.waiting = slices.Delete(g.waiting, 0, 1)
		if p.ctx.Err() != nil {
			continue // it gives up by itself
		}
		g.taken = append(g.taken, p)
		close(p.turn)
	}
}

func (g *gate) remove(p *place) {
	if i := slices.Index(g.taken, p); i >= 0 {
		last := len(g.taken) - 1
		g.taken[i], g.taken[last] = g.taken[last], nil
		g.taken = g.taken[:last]
	}
}
