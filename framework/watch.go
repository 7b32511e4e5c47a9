package framework

import (
	"sync/atomic"

	"github.com/sluicemail/sluice/framework/internal/watchdog"
	"github.com/sluicemail/sluice/wire"
)

// watch supervises the handlers of a session, and the other code of filters and
// middleware. While a call runs, watch sends progress replies, notices if the MTA closes
// the connection, and replies on behalf of a call that hangs.
type watch struct {
	watchdog   watchdog.Watchdog
	lane       *laneState       // whose code was called last, or nil if it belongs to no lane
	stage      Stage            // at which it was called
	code       string           // what was called, if it was not a handler
	watching   bool             // the watchdog was told of the call
	due        Stage            // the event whose answer the MTA waits for
	command    wire.CommandCode // that is handled, or 0 after its answer
	substitute substitute       // the reply on behalf of a handler that hung
	hung       []any            // log attributes of the call that hung
	released   chan struct{}    // closed when the fallback has closed the connection; nil without one
	leaveSeat  func()           // gives the connection's seat to another one
	end        atomic.Int32     // who ended the connection, if it was detached
}

// Who ended a detached connection first: the session's goroutine, because the call that
// hung has returned after all, or the fallback, which then abandons that goroutine.
const (
	endedBySession int32 = iota + 1
	endedByFallback
)

// request records the command whose answer the MTA waits for from now on. A handler
// may meanwhile run for another event, such as the abort of the previous message.
func (w *watch) request(c wire.CommandCode) {
	w.watchdog.Request()
	w.command = c
	stage, ok := stageOf(c)
	if !ok {
		stage = StageAbort // which has no answer either
	}
	w.due = stage
}

// answered records that the MTA has its answer. Code that runs before the next command
// does not make it wait.
func (w *watch) answered() { w.due, w.command = StageAbort, 0 }

// betweenSessions reports whether the command ends the session or begins another. If code
// that cleans up hangs meanwhile, what the MTA waits for is about the next session.
func (w *watch) betweenSessions() bool {
	return w.command == wire.CmdQuitNC || w.command == wire.CmdConnect || w.command == wire.CmdOptNeg
}

// begin records that a call of a lane's code begins. After the connection was
// detached, calls are not watched.
func (w *watch) begin(lane *laneState, stage Stage, detached bool) {
	w.watching = !detached
	w.lane, w.stage, w.code = lane, stage, ""
	if w.watching {
		w.watchdog.Begin()
	}
}

// beginCode is like begin, for code that belongs to no lane.
func (w *watch) beginCode(name string, detached bool) {
	w.watching = !detached
	w.lane, w.stage, w.code = nil, StageAbort, name
	if w.watching {
		w.watchdog.Begin()
	}
}

// finish records that the call has returned. ok is false if it returned too late, after the
// connection was detached. expired is true if the call ran past its deadline.
func (w *watch) finish() (ok, expired bool) {
	if !w.watching {
		return true, false
	}
	return w.watchdog.End()
}

// abandon is called when the fallback has closed the connection. If the session's
// goroutine still runs, abandon counts it and leaves the seat.
func (w *watch) abandon(c *counters) {
	if w.end.CompareAndSwap(0, endedByFallback) {
		c.abandoned.Add(1)
		c.abandonedTotal.Add(1)
		w.leaveSeat()
	}
}

// stop ends the watch. If a fallback serves the connection, stop waits until the fallback
// has closed it. stop reports whether the fallback has abandoned the session's goroutine.
func (w *watch) stop() (abandoned bool) {
	w.watchdog.Stop()
	if w.released == nil {
		return false
	}
	abandoned = !w.end.CompareAndSwap(0, endedBySession)
	<-w.released
	return abandoned
}

// called returns log attributes that say what was called last.
func (w *watch) called() []any {
	if w.lane == nil {
		return []any{"code", w.code}
	}
	return []any{"filter", w.lane.plan.name, "stage", w.stage.String()}
}
