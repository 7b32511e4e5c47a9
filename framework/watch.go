package framework

import (
	"github.com/sluicemail/sluice/framework/internal/watchdog"
	"github.com/sluicemail/sluice/wire"
)

// watch supervises the handlers of a session. While a handler runs, watch sends progress
// replies, notices if the MTA closes the connection, and replies on behalf of a handler
// that hangs.
type watch struct {
	watchdog   watchdog.Watchdog
	lane       *laneState    // whose code was called last
	stage      Stage         // at which it was called
	watching   bool          // the watchdog was told of the call
	due        Stage         // the event whose answer the MTA waits for
	substitute substitute    // the reply on behalf of a handler that hung
	released   chan struct{} // closed when the fallback has closed the connection; nil without one
}

// request records the command whose answer the MTA waits for from now on. A handler
// may meanwhile run for another event, such as the abort of the previous message.
func (w *watch) request(c wire.CommandCode) {
	w.watchdog.Request()
	stage, ok := stageOf(c)
	if !ok {
		stage = StageAbort // which has no answer either
	}
	w.due = stage
}

// begin records that a call of a lane's code begins. After the connection was
// detached, calls are not watched.
func (w *watch) begin(lane *laneState, stage Stage, detached bool) {
	w.watching = !detached
	w.lane, w.stage = lane, stage
	if w.watching {
		w.watchdog.Begin()
	}
}

// end records that the call has returned. ok is false if it returned too late, after the
// connection was detached. expired is true if the call ran past its deadline.
func (w *watch) end() (ok, expired bool) {
	if !w.watching {
		return true, false
	}
	return w.watchdog.End()
}

// stop ends the watch, and waits until the fallback has closed the connection if there is
// one.
func (w *watch) stop() {
	w.watchdog.Stop()
	if w.released != nil {
		<-w.released
	}
}
