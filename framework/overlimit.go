package framework

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// belowLimit is the time without a connection over a limit after which the limit counts as
// no longer exceeded. So a server whose connections reach a limit again and again does not
// write two lines each time.
const belowLimit = time.Minute

// lateLog is a mutex that keeps log lines while it is locked, and writes them after it was
// unlocked. So connections that wait for the mutex do not wait for a slow log.
type lateLog struct {
	sync.Mutex

	lines []func()
}

// add adds a line. The caller holds the lock.
func (l *lateLog) add(write func()) { l.lines = append(l.lines, write) }

// Unlock implements sync.Locker.
func (l *lateLog) Unlock() {
	lines := l.lines
	l.lines = nil
	l.Mutex.Unlock()
	for _, write := range lines {
		write()
	}
}

// overLimit logs that connections exceed a limit: one line when that begins and one when
// it is over, whatever the number of connections. The server's lock, mu, guards it.
type overLimit struct {
	mu      *lateLog // the server's
	log     *slog.Logger
	total   *atomic.Uint64
	limit   sessionLimit
	most    int
	waiting int // connections that wait for a seat now

	since, last time.Time // since is zero if the limit is not exceeded
	counts      [mustWait + 1]int
	timer       *time.Timer
	stopped     bool // the server was closed
}

// hit counts a connection that exceeds the limit.
func (o *overLimit) hit(peer string, how admitted) {
	o.total.Add(1)
	if o.stopped { // the listener had accepted the connection before
		return
	}
	o.last = time.Now()
	o.counts[how]++
	if !o.since.IsZero() {
		return
	}
	o.since = o.last
	o.mu.add(func() {
		o.log.Warn("too many sessions", "limit", o.limit.String(), "most", o.most,
			"outcome", outcomeOf(how), "peer", peer)
	})
	o.timer = time.AfterFunc(belowLimit, o.look)
}

// outcomeOf says what happens to a connection that exceeds a limit.
func outcomeOf(how admitted) string {
	switch how {
	case mustWait:
		return "accepts no connection until a session ends"
	case asRefusal:
		return "replies with OverLimit"
	default:
		return "closes the connection"
	}
}

// look ends the line if no connection has exceeded the limit for a while.
func (o *overLimit) look() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		return
	}
	rest := belowLimit - time.Since(o.last)
	if o.waiting > 0 {
		rest = belowLimit
	}
	if rest > 0 {
		o.timer.Reset(rest)
		return
	}
	o.end()
}

// stop ends the line for good, because the server was closed.
func (o *overLimit) stop() {
	o.stopped = true
	o.end()
}

// end logs what happened since the limit was first exceeded, if it was.
func (o *overLimit) end() {
	if o.since.IsZero() {
		return
	}
	o.timer.Stop()
	counts, lasted := o.counts, o.last.Sub(o.since).Round(time.Millisecond)
	o.mu.add(func() {
		o.log.Info("sessions are below the limit", "limit", o.limit.String(),
			"waited", counts[mustWait], "refused", counts[asRefusal], "closed", counts[notAtAll],
			"lasted", lasted)
	})
	o.since, o.counts = time.Time{}, [mustWait + 1]int{}
}
