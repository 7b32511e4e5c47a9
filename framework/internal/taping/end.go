package taping

import (
	"slices"
	"time"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/wire"
)

// Edited notes that the edits of a filter are written: see HasEdits.
func (w *Writer) Edited(filter int) { w.lanes[filter].edited = true }

// HasEdits reports whether the edits of a filter are written.
func (w *Writer) HasEdits(filter int) bool { return w.lanes[filter].edited }

// Edit writes what a filter asked to modify, before it is applied.
func (w *Writer) Edit(e *tape.Edit) {
	w.room(len(e.OldName) + len(e.OldValue) + len(e.Name) + len(e.Value))
	w.rest.Edit(e)
}

// Applied writes that the modifications of a filter were applied.
func (w *Writer) Applied(filter int) {
	w.lanes[filter].applied = true
	w.rest.Of(tape.KindApplied, filter)
}

// Field writes a field of the header as a filter left it.
func (w *Writer) Field(filter int, name, value string) {
	w.room(len(name) + len(value))
	w.rest.Field(filter, name, value)
}

// Body begins the body as a filter left it, and returns where to read it into: all of it, less,
// or none.
func (w *Writer) Body(filter int, size int64) []byte {
	if w.cfg.Body {
		w.room(int(min(size, int64(w.cfg.Bytes))))
	}
	return w.rest.Body(filter, size, w.cfg.Body)
}

// Missing writes that edits of a filter are missing.
func (w *Writer) Missing(filter int) { w.rest.Of(tape.KindMissing, filter) }

// EndMessage begins the end of a message's record. It returns false if none is open.
func (w *Writer) EndMessage() bool {
	if w.open {
		w.part = &w.rest
	}
	return w.open
}

// EndSession begins the end of the SMTP session. It reports whether the session needs a record,
// because it had no message, and whether the MTA's command ends it: otherwise the command begins
// another session. ResetSession must follow. began says whether the filters know of the session.
func (w *Writer) EndSession(began bool) (record, ends bool) {
	code := wire.CommandCode(w.command.Code)
	if ends = code == wire.CmdQuit || code == wire.CmdQuitNC; ends {
		w.Write()
	}
	if record = !w.recorded && began && w.begin(0); record {
		w.part = &w.rest
		if w.sessionAt != 0 {
			w.began = w.sessionAt
		}
	}
	return record, ends
}

// ResetSession prepares for another SMTP session. ends is what EndSession returned. Otherwise
// the macros for the next CONNECT stay.
func (w *Writer) ResetSession(ends bool) {
	w.open, w.recorded, w.sessionAt, w.preamble = false, false, 0, w.preamble[:0]
	w.giveBack()
	w.connect.last.Reset(nil)
	if ends {
		w.connect.next.Reset(nil)
	}
	w.helo.reset()
	for i := range w.lanes {
		w.lanes[i].work, w.lanes[i].before = 0, 0
	}
	w.part = &w.rest
	w.notes.endSession()
}

// Detach begins the end of the last record while a handler hangs. It returns false if there is
// nothing to record. failed says whether there is a failure to record, although the session has
// a record.
func (w *Writer) Detach(failed bool) bool {
	if !w.open {
		if w.sessionAt == 0 || w.recorded && !failed { // no part of a session is recorded
			return false
		}
		w.begin(0)
		w.began = w.sessionAt
	}
	w.part = &w.rest
	return true
}

// Ending is how a message or session ended.
type Ending struct {
	Number             uint64 // of the message, or 0
	State, Stage       byte
	Aborted            bool
	Decision           tape.Decision
	Filter, Quarantine string
}

// EndCalls writes the calls and the notes that are not written yet. EndFilter for each filter and
// End must follow.
func (w *Writer) EndCalls() {
	w.endBurst()
	for i := range w.lanes {
		w.flushCall(&w.lanes[i])
	}
	w.notes.endMessage(w.writeNotes)
}

func (w *Writer) writeNotes(notes *tape.Writer) {
	w.room(len(notes.Bytes()))
	w.rest.Append(notes)
}

// EndFilter tells whether a filter was called and whether it failed. The record of a session has
// its work since the session began, and that of a message only its work in the message.
func (w *Writer) EndFilter(filter int, called, failed, ofMessage bool) {
	t := &w.lanes[filter]
	if !ofMessage {
		t.work += t.before
	}
	w.end.Filters[filter] = tape.FilterEnd{
		Called: called || t.work > 0, Failed: failed || t.failed, Edited: t.applied, Work: t.work,
	}
	t.work, t.failed, t.edited, t.applied = 0, false, false, false
}

// Attr writes an attribute of log lines.
func (w *Writer) Attr(key, value string) { w.rest.Attr(key, value) }

// Record is a record that has ended. Its bytes are valid until Done.
type Record struct {
	Bytes   []byte
	Failed  bool          // a filter failed, or other code
	Working time.Duration // of all filters
	Ended   time.Time
}

// End ends the record after EndCalls. Done must follow.
func (w *Writer) End(how *Ending) Record {
	if !w.fresh {
		w.read()
	}
	e := &w.end
	e.Failed = w.failed || slices.ContainsFunc(e.Filters, func(f tape.FilterEnd) bool { return f.Failed })
	e.Aborted, e.State, e.Stage = how.Aborted, how.State, how.Stage
	e.Decision, e.Filter, e.Quarantine, e.Number = how.Decision, how.Filter, how.Quarantine, how.Number
	e.Began, e.Ended = w.began, w.clock
	w.rest.End(e)
	var working uint64
	for i := range e.Filters {
		working += e.Filters[i].Work
	}
	return Record{
		Bytes: w.rest.Bytes(), Failed: e.Failed, Working: time.Duration(working),
		Ended: w.notes.epoch.Add(time.Duration(w.clock)), //nolint:gosec // a time of this process
	}
}

// Done gives back what the record took.
func (w *Writer) Done() {
	w.open, w.recorded, w.announced, w.failed = false, true, false, false
	w.part = &w.rest
	w.giveBack()
	w.rest.Release()
}
