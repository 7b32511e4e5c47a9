package framework

import (
	"context"
	"sync"
	"time"
)

// asyncHook is called around the function of an AsyncValue: see Route.AroundAsync.
type asyncHook func(ctx context.Context, filter, where string, run func(context.Context) error) error

// asyncs counts the functions of AsyncValue that run on a server.
type asyncs struct {
	mu      sync.Mutex
	running int
	idle    chan struct{} // closed when running becomes 0; nil if nothing waits for that
	total   uint64
	refused uint64
}

// enter counts a function that begins, or returns false if most of them run already.
func (a *asyncs) enter(most int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running >= most {
		a.refused++
		return false
	}
	a.running++
	a.total++
	return true
}

// leave counts a function that has returned.
func (a *asyncs) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running--
	if a.running == 0 && a.idle != nil {
		close(a.idle)
		a.idle = nil
	}
}

// drain waits, when all sessions are over and the contexts of their functions have ended,
// for the functions. Those that hang are not waited for longer than for a handler.
func (a *asyncs) drain(ctx context.Context, cfg *Config) {
	if n := a.await(ctx, cfg.HangGrace); n > 0 {
		cfg.Logger.Warn("async functions still run after their sessions", "count", n)
	}
}

// await waits until no function runs, for the limit at most, and returns how many still run.
func (a *asyncs) await(ctx context.Context, limit time.Duration) int {
	a.mu.Lock()
	if a.running == 0 {
		a.mu.Unlock()
		return 0
	}
	if a.idle == nil {
		a.idle = make(chan struct{})
	}
	idle := a.idle
	a.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.running
}

// figures returns how many functions run, how many were started in all, and how many were
// refused.
func (a *asyncs) figures() (running int64, total, refused uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return int64(a.running), a.total, a.refused
}
