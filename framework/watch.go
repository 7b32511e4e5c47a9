package framework

import (
	"github.com/sluicemail/sluice/framework/internal/watchdog"
	"github.com/sluicemail/sluice/wire"
)

// watch looks after the handlers of a session that take long: it sends progress replies,
// notices that the MTA closed the connection, and replies on behalf of a handler that hangs.
type watch struct {
	watchdog   watchdog.Watchdog
	lane       *laneState    // whose code was called last
	stage      Stage         // at which it was called
	watching   bool          // the watchdog was told of the call
	due        Stage         // the event whose answer the MTA waits for
	substitute substitute    // the reply on behalf of a handler that hung
	released   chan struct{} // closed when the fallback has closed the connection; nil without one
}

// request notes the command whose answer the MTA waits for from here on. Meanwhile a
// handler may run for another event, such as the abort of the message before.
func (w *watch) request(c wire.CommandCode) {
	w.watchdog.Request()
	stage, ok := stageOf(c)
	if !ok {
		stage = StageAbort // which has no answer either
	}
	w.due = stage
}

// begin notes that a call of a lane's code begins. After the connection was detached
// nothing is watched.
func (w *watch) begin(lane *laneState, stage Stage, detached bool) {
	w.watching = !detached
	w.lane, w.stage = lane, stage
	if w.watching {
		w.watchdog.Begin()
	}
}

// end notes that the call has returned. ok is false if that was too late: the connection
// was detached meanwhile. expired is true if the call ran past its deadline.
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
