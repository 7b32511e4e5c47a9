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
	timed atomic.Bool // the timer is armed
	trial atomic.Bool // the handler that runs is on trial
	hold  sync.Mutex  // held by the timer while it acts
	timer *time.Timer
	every time.Duration // how often the timer looks

	// What follows is written before a handler begins, and by the timer
	// while it has stopped the session's goroutine from going on.
	serial  uint64
	session *Session
	lane    *laneState
	stage   Stage
	due     Stage  // what the MTA waits for
	asked   uint64 // counts the commands

	seen     uint64 // the serial that the timer saw last
	began    time.Time
	waiting  uint64 // the command that the timer saw last
	reported time.Time
	late     bool // a handler was told that it ran past its deadline

	abandoned bool          // the caretaker has the connection
	instead   instead       // what it says
	released  chan struct{} // closed when the caretaker has done
}

const (
	stateIdle      = iota // no handler runs
	stateRunning          // a handler runs
	stateHeld             // the timer acts while a handler runs
	stateAbandoned        // the caretaker has taken over
)

// ask notes what the MTA waits for from here on. A handler may run for
// something else meanwhile, such as the abort of the message before.
func (l *link) ask(c wire.CommandCode) {
	l.asked++
	stage, ok := stageOf(c)
	if !ok {
		stage = StageAbort // which has no answer either
	}
	l.due = stage
}

// enter says that a lane's handlers begin.
func (l *link) enter(s *Session, lane *laneState, stage Stage) {
	if l.abandoned {
		l.stage = stage
		return
	}
	l.serial++
	l.session, l.lane, l.stage = s, lane, stage
	l.state.Store(stateRunning)
	if !l.timed.Load() && l.timed.CompareAndSwap(false, true) {
		l.hold.Lock()
		l.arm()
		l.hold.Unlock()
	}
}

// leave says that the handlers are back. It returns false when that was too
// late: the connection is no longer the session's.
func (l *link) leave() bool {
	if l.abandoned {
		return true
	}
	back := l.state.CompareAndSwap(stateRunning, stateIdle)
	if !back {
		l.hold.Lock()
		back = l.state.CompareAndSwap(stateRunning, stateIdle)
		l.hold.Unlock()
	}
	if l.late {
		l.late = false
		l.session.context.revive()
	}
	return back
}

// tick is how often the watch looks. The limit is the shortest that a route has
// set for itself, or zero.
func (c *Config) tick(limit time.Duration) time.Duration {
	shortest := min(c.HandlerTimeout/4, c.MessageTimeout/4, c.ProgressInterval/2, c.HangGrace, time.Second)
	shorten(&shortest, limit/4)
	return max(shortest, time.Millisecond)
}

func (l *link) arm() {
	if l.timer == nil {
		l.timer = time.AfterFunc(l.every, l.look)
		return
	}
	l.timer.Reset(l.every)
}

// stop ends the watch with the session.
func (l *link) stop() {
	l.hold.Lock()
	defer l.hold.Unlock()
	l.state.CompareAndSwap(stateRunning, stateIdle) // a handler may have ended its goroutine
	if l.timer != nil {
		l.timer.Stop()
	}
}

// end closes the connection at last, or waits until the caretaker has.
func (l *link) end() {
	l.stop()
	if l.released != nil {
		<-l.released
	}
	_ = l.conn.Close()
}

// look is the timer's: it acts if the handler that it saw last time still runs.
func (l *link) look() {
	l.hold.Lock()
	defer l.hold.Unlock()
	if !l.state.CompareAndSwap(stateRunning, stateHeld) {
		l.timed.Store(false)
		if l.state.Load() == stateRunning && l.timed.CompareAndSwap(false, true) {
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
	if l.waiting != l.asked {
		l.waiting, l.reported = l.asked, now
	}
	if l.seen != l.serial {
		l.seen, l.began = l.serial, now
	}
	if l.flush() != nil || peerGone(l.conn) {
		l.session.context.gone()
	}
	if now.Sub(l.reported) >= l.cfg.ProgressInterval {
		l.reported = now
		l.progress()
	}
	limit := l.limit()
	took := now.Sub(l.began)
	if took >= limit && !l.late {
		l.late = true
		l.session.context.fail(l.session.inMessage, ErrHandlerTimeout)
	}
	if took < limit+l.cfg.HangGrace {
		return false
	}
	l.abandon()
	return true
}

// progress tells an MTA that waits that it is not forgotten. Sendmail knows
// that at the end of the message alone.
func (l *link) progress() {
	if l.session.nego.silent[l.due] || l.due != StageEndOfMessage && !l.session.fromPostfix() {
		return
	}
	l.out = append(l.out, 0, 0, 0, 1, byte(wire.RepProgress))
	if l.flush() != nil {
		l.session.context.gone()
	}
}
