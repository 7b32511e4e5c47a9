package watchdog

import (
	"sync"
	"sync/atomic"
	"time"
)

// Watched is implemented by the owner of the calls that a [Watchdog] supervises. The
// Watchdog calls the methods from another goroutine while a call runs, so they must
// not touch data that the filter's code may use. The call cannot end before they
// return.
type Watched interface {
	// Check checks whether the peer is still connected. It is called at every
	// interval Look.
	Check()
	// Progress tells the peer that its request is being worked on.
	Progress()
	// Limit returns how long the call may take that the Watchdog first saw at
	// the given time.
	Limit(began time.Time) time.Duration
	// Expire tells the call that it is past its limit. It is called once for a
	// call.
	Expire()
	// Detach is called if the call did not end within the grace. The Watchdog
	// makes no further checks after that.
	Detach()
}

// Intervals are the time intervals of a [Watchdog].
type Intervals struct {
	// Look is the interval at which it checks a running call.
	Look time.Duration
	// Progress is the interval at which it reports progress of one request.
	Progress time.Duration
	// Grace is how long a call may go on after Expire before Detach.
	Grace time.Duration
}

// Watchdog looks after the calls of one goroutine. It must not be copied after the
// first Begin.
type Watchdog struct {
	watched   Watched
	intervals Intervals

	state atomic.Int32
	armed atomic.Bool // the timer is armed
	mu    sync.Mutex  // held by the timer while it acts
	timer *time.Timer

	// The calling goroutine writes these before a call begins.
	call    uint64 // counts the calls
	request uint64 // counts the peer's requests

	// The timer writes these while the call cannot end.
	seenCall    uint64
	began       time.Time // seenCall was first seen
	seenRequest uint64
	reported    time.Time // progress of seenRequest
	expired     bool
}

// The states of a Watchdog.
const (
	stateIdle     = iota // no call runs
	stateRunning         // a call runs
	stateHeld            // a call runs, and the timer acts
	stateDetached        // Detach was called
)

// New returns a Watchdog for the calls of w.
func New(w Watched, intervals Intervals) Watchdog {
	return Watchdog{watched: w, intervals: intervals}
}

// Request notes that the peer waits for the answer to a new request, so that
// progress is reported from here on.
func (w *Watchdog) Request() { w.request++ }

// Begin notes that a call begins. After Detach it does nothing.
func (w *Watchdog) Begin() {
	if w.state.Load() == stateDetached {
		return
	}
	w.call++
	w.state.Store(stateRunning)
	if !w.armed.Load() && w.armed.CompareAndSwap(false, true) {
		w.mu.Lock()
		w.arm()
		w.mu.Unlock()
	}
}

// End notes that the call has ended. ok is false if Detach was called while it ran,
// and expired is true if Expire was.
func (w *Watchdog) End() (ok, expired bool) {
	ok = w.state.CompareAndSwap(stateRunning, stateIdle)
	if !ok {
		w.mu.Lock()
		ok = w.state.CompareAndSwap(stateRunning, stateIdle)
		w.mu.Unlock()
	}
	expired, w.expired = w.expired, false
	return ok, expired
}

// Stop stops the Watchdog until the next Begin. It may also be called if a call has
// ended its goroutine instead of returning.
func (w *Watchdog) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state.CompareAndSwap(stateRunning, stateIdle)
	if w.timer != nil && w.timer.Stop() {
		w.armed.Store(false)
	}
}

func (w *Watchdog) arm() {
	if w.timer == nil {
		w.timer = time.AfterFunc(w.intervals.Look, w.look)
		return
	}
	w.timer.Reset(w.intervals.Look)
}

// look is called by the timer. If a call is running, look acts on it and keeps it
// from ending meanwhile.
func (w *Watchdog) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.state.CompareAndSwap(stateRunning, stateHeld) {
		w.armed.Store(false)
		if w.state.Load() == stateRunning && w.armed.CompareAndSwap(false, true) {
			w.arm()
		}
		return
	}
	if w.act(time.Now()) {
		w.state.Store(stateDetached)
		return
	}
	w.state.Store(stateRunning)
	w.arm()
}

// act calls the methods of Watched that are due for the running call, and reports
// whether it detached the call.
func (w *Watchdog) act(now time.Time) (detached bool) {
	if w.seenRequest != w.request {
		w.seenRequest, w.reported = w.request, now
	}
	if w.seenCall != w.call {
		w.seenCall, w.began = w.call, now
	}
	w.watched.Check()
	if now.Sub(w.reported) >= w.intervals.Progress {
		w.reported = now
		w.watched.Progress()
	}
	limit, took := w.watched.Limit(w.began), now.Sub(w.began)
	if took >= limit && !w.expired {
		w.expired = true
		w.watched.Expire()
	}
	if took < limit+w.intervals.Grace {
		return false
	}
	w.watched.Detach()
	return true
}
