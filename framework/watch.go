package framework

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// watch looks after handlers that take long: it tells the MTA that its answer
// is being worked on, notices when the MTA goes away, and in the end answers in
// the handler's place.
//
// A session's goroutine does everything by itself. All that it pays for the
// watch is to say when a handler begins and when it is back; a timer is armed
// when one begins while none is armed, and lets itself run out when it finds
// nobody at work.
type watch struct {
	state atomic.Int32
	armed atomic.Bool
	hold  sync.Mutex // held by the timer while it acts
	timer *time.Timer

	// What follows is written before a handler begins, and by the timer
	// while it has stopped the session's goroutine from going on.
	serial  uint64
	session *Session
	lane    *laneState
	stage   Stage

	seen     uint64 // the serial that the timer saw last
	began    time.Time
	reported time.Time

	abandoned bool // the caretaker has the connection
}

const (
	stateIdle      = iota // no handler runs
	stateRunning          // a handler runs
	stateHeld             // the timer acts while a handler runs
	stateAbandoned        // the caretaker has taken over
)

// enter says that a lane's handlers begin.
func (l *link) enter(s *Session, lane *laneState, stage Stage) {
	l.serial++
	l.session, l.lane, l.stage = s, lane, stage
	l.state.Store(stateRunning)
	if l.armed.CompareAndSwap(false, true) {
		l.arm()
	}
}

// leave says that the handlers are back. It returns false when that was too
// late: the connection is no longer the session's.
func (l *link) leave() bool {
	if l.state.CompareAndSwap(stateRunning, stateIdle) {
		return true
	}
	l.hold.Lock()
	defer l.hold.Unlock()
	return l.state.CompareAndSwap(stateRunning, stateIdle)
}

// tick is how often the watch looks.
func (c *Config) tick() time.Duration {
	return min(c.HandlerTimeout/4, c.MessageTimeout/4, c.ProgressInterval/2, c.HangGrace, time.Second)
}

func (l *link) arm() {
	if l.timer == nil {
		l.timer = time.AfterFunc(l.cfg.tick(), l.look)
		return
	}
	l.timer.Reset(l.cfg.tick())
}

// stop ends the watch with the session.
func (l *link) stop() {
	if l.armed.Load() && l.timer != nil {
		l.timer.Stop()
	}
}

// look is the timer's: it acts if the handler that it saw last time still runs.
func (l *link) look() {
	l.hold.Lock()
	defer l.hold.Unlock()
	if !l.state.CompareAndSwap(stateRunning, stateHeld) {
		l.armed.Store(false)
		if l.state.Load() == stateRunning && l.armed.CompareAndSwap(false, true) {
			l.arm()
		}
		return
	}
	if l.act(time.Now()) {
		l.state.Store(stateAbandoned)
		return
	}
	l.state.Store(stateRunning)
	l.arm()
}

// act does what a long-running handler calls for at this moment. It returns
// true when the connection was taken from the session.
func (l *link) act(now time.Time) bool {
	if l.seen != l.serial {
		l.seen, l.began, l.reported = l.serial, now, now
		return false
	}
	_ = l.flush()
	if peerGone(l.conn) {
		l.session.context.fail(ErrPeerGone)
	}
	if now.Sub(l.reported) >= l.cfg.ProgressInterval {
		l.reported = now
		l.progress()
	}
	limit := l.cfg.limit(l.stage)
	took := now.Sub(l.began)
	if took >= limit {
		l.session.context.fail(ErrHandlerTimeout)
	}
	if took < limit+l.cfg.HangGrace || l.stage == StageClose {
		return false
	}
	l.abandon()
	return true
}

// progress tells an MTA that waits that it is not forgotten. Sendmail knows
// that at the end of the message alone.
func (l *link) progress() {
	if l.stage != StageEndOfMessage && !l.session.fromPostfix() || l.session.nego.silent[l.stage] {
		return
	}
	l.out = append(l.out, 0, 0, 0, 1, byte(wire.RepProgress))
	if l.flush() != nil {
		l.session.context.fail(ErrPeerGone)
	}
}
