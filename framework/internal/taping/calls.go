package taping

import (
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// lane is what the open record will say of a filter: its calls that are not written yet, and
// how long it worked.
type lane struct {
	name    string
	dryRun  bool
	call    tape.Call
	work    uint64
	before  uint64 // in the session, before the record
	failed  bool   // the record says why
	edited  bool   // its edits are written
	applied bool   // and applied
}

// burst is one or more calls of the same lane at the same stage, between which the session
// did not wait. They are timed together, because reading the clock takes as long as many a
// handler.
type burst struct {
	lane  int // or NoFilter
	stage byte
	from  uint64
	count uint64
}

// Calls notes that the handlers of a filter are called at a stage.
func (w *Writer) Calls(filter int, stage byte) {
	if w.burst.lane == filter && w.burst.stage == stage {
		w.burst.count++
		return
	}
	w.endBurst()
	w.burst = burst{lane: filter, stage: stage, from: w.clock, count: 1}
	w.notes.running.Store(int32(filter)) //nolint:gosec // an index
}

// Called notes that they have returned.
func (w *Writer) Called() {
	if len(w.held.Bytes()) > 0 || w.held.Cut() {
		w.writeHeld()
	}
}

func (w *Writer) writeHeld() {
	if !w.Misses() {
		w.part.Append(&w.held)
	}
	w.held.Reset(nil)
}

// Held returns the tape of what happens while code of a filter runs. Called writes it.
func (w *Writer) Held() *tape.Writer { return &w.held }

// Waits is called before the session waits for the MTA.
func (w *Writer) Waits() {
	if !w.closed && w.burst.lane != NoFilter {
		w.endBurst()
	}
}

// answers is called before an answer. At the end of the message the filters have done their
// work then: sending is not a part of it.
func (w *Writer) answers() {
	if w.burst.lane != NoFilter && w.burst.stage == tape.StageEndOfMessage {
		w.endBurst()
	}
}

// endBurst ends the calls that are timed together.
func (w *Writer) endBurst() {
	if w.burst.lane == NoFilter {
		return
	}
	w.notes.running.Store(NoFilter)
	w.read()
	w.fresh = true
	t := &w.lanes[w.burst.lane]
	took, stage := w.clock-w.burst.from, w.burst.stage
	if t.call.Count > 0 && t.call.Stage != stage {
		w.flushCall(t)
	}
	c := &t.call
	c.Stage = stage
	c.Count += w.burst.count
	c.Total += took
	c.Longest = max(c.Longest, took)
	t.work += took
	if stage < tape.StageMail {
		w.flushCall(t)
	}
	w.burst.lane = NoFilter
}

// flushCall writes the calls of a lane.
func (w *Writer) flushCall(t *lane) {
	if t.call.Count == 0 {
		return
	}
	to := &w.rest
	if t.call.Stage < tape.StageMail {
		to = w.part
	}
	if to != &w.rest || w.open {
		to.Call(&t.call)
	}
	t.call = tape.Call{Filter: t.call.Filter}
}

// Verdict writes what a filter decided.
func (w *Writer) Verdict(v *tape.Verdict) {
	if !w.Misses() {
		w.part.Verdict(v)
	}
}

// Failure writes why a filter failed or was left out, or why other code failed if filter is
// NoFilter.
func (w *Writer) Failure(filter int, stage byte, why string) {
	if !w.Misses() {
		if filter == NoFilter {
			w.failed = true
		} else {
			w.lanes[filter].failed = true
		}
		w.part.Failure(&tape.Failure{Filter: filter, Stage: stage, Text: why})
	}
}
