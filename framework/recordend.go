package framework

import (
	"io"
	"log/slog"
	"time"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/wire"
)

// edits writes what a lane asked to modify, before it is applied.
func (r *recording) edits(lane *laneState) {
	if r.off() || len(lane.edits) == 0 || r.misses() {
		return
	}
	r.lanes[lane.plan.number-1].edited = true
	body := lane.newBody()
	for i := range lane.edits {
		if e := &lane.edits[i]; e.kind != editBody || e == body { // the last one counts
			r.edit(lane, e)
		}
	}
}

// edit writes one modification.
func (r *recording) edit(lane *laneState, e *edit) {
	s, h := r.session, &e.handle
	out := tape.Edit{Filter: lane.plan.number - 1, Kind: byte(e.kind), Place: byte(e.place), Above: max(e.above, h.n)}
	switch e.kind {
	case editAppend, editInsert:
		out.Name = e.name
	case editChange, editDelete, editRename:
		out.HasOld, out.OldName, out.Name = true, h.name, e.name
		if h.id != 0 && s.content.recorded() {
			out.OldName = s.content.book.Name(h.id)
			if r.limits.Header {
				out.OldValue = s.content.book.Value(h.id)
			}
		}
	case editAddRcpt, editAddRcptPar, editDelRcpt, editSender, editQuarantine:
		out.Name, out.Value = e.name, e.value
	case editBody, numEditKinds:
	}
	if r.limits.Header && e.kind <= editRename {
		out.WithValue = true
		if e.kind != editDelete && e.kind != editRename {
			out.Value = s.nego.sentValue(e)
		}
	}
	r.room(len(out.OldName) + len(out.OldValue) + len(out.Name) + len(out.Value))
	r.rest.Edit(&out)
}

// applied writes that the modifications of a lane were applied, and what they made of the
// message.
func (r *recording) applied(lane *laneState) {
	if r.off() || r.misses() {
		return
	}
	i := lane.plan.number - 1
	r.lanes[i].applied = true
	r.rest.Of(tape.KindApplied, i)
	if r.limits.Header && r.session.content.recorded() && lane.placesFields() {
		book := &r.session.content.book
		for id := range book.Fields {
			name, value := book.Name(id), book.Value(id)
			r.room(len(name) + len(value))
			r.rest.Field(i, name, value)
		}
	}
	if lane.newBody() != nil {
		r.appliedBody(i)
	}
}

// placesFields reports whether the lane modifies the header in another way than by adding
// fields to its end.
func (l *laneState) placesFields() bool {
	for i := range l.edits {
		if k := l.edits[i].kind; k > editAppend && k <= editRename {
			return true
		}
	}
	return false
}

// appliedBody writes the new body of a lane.
func (r *recording) appliedBody(lane int) {
	body, content := &r.session.message.edits.body, &r.session.content
	size := body.size(content)
	if r.limits.Body {
		r.room(int(min(size, mostRecord)))
	}
	if dst := r.rest.Body(lane, size, r.limits.Body); len(dst) > 0 {
		n, _ := io.ReadFull(body.reader(content), dst)
		clear(dst[n:])
	}
}

// endMessage ends the record of the open message.
func (r *recording) endMessage() {
	if r.off() || !r.open {
		return
	}
	r.part = &r.rest
	s := r.session
	res := &s.message.result
	for i := range s.lanes.all {
		if lane := &s.lanes.all[i]; !r.lanes[i].edited {
			r.edits(lane)
		}
		if s.lanes.all[i].record.incomplete {
			r.rest.Of(tape.KindMissing, i)
		}
	}
	r.end.Number, r.end.Quarantine = s.message.number, ""
	v, filter := res.Verdict, res.Filter
	switch {
	case !res.Aborted:
		r.end.State = stateOfVerdict(v)
		if r.end.State == tape.StateAccepted && s.message.edits.quarantine != "" {
			r.end.State, r.end.Quarantine = tape.StateQuarantined, s.message.edits.quarantine
		}
	case res.Recipients == 0 && r.refused.count > 0: // the client had none left
		v, filter = r.refused.verdict, r.refused.filter
		r.end.State, res = stateOfVerdict(v), &MessageResult{Stage: StageRcpt}
	default:
		r.end.State = tape.StateAborted
	}
	r.emit(v, filter, res.Stage, res.Aborted)
}

// endSession ends the record of the SMTP session, if it had no message.
func (r *recording) endSession() {
	if r.off() {
		return
	}
	code := wire.CommandCode(r.command.Code)
	ends := r.pending && (code == wire.CmdQuit || code == wire.CmdQuitNC)
	if ends { // else the command begins another session
		r.write()
	}
	s := r.session
	if !r.recorded && s.smtp.state >= stateOpen && (r.open || r.begin(0)) {
		if r.sessionAt != 0 {
			r.began = r.sessionAt
		}
		v := s.settled.verdict
		r.end.Number, r.end.Quarantine, r.end.State = 0, "", tape.StateAborted
		aborted := true
		if s.settled.perSession && v.Refuses() {
			r.end.State, aborted = tape.StateRefused, false
		} else {
			v = Continue
		}
		filter := ""
		if !aborted {
			filter = s.settled.filter
		}
		r.emit(v, filter, s.settled.stage, aborted)
	}
	r.open, r.recorded, r.sessionAt, r.preamble = false, false, 0, r.preamble[:0]
	if ends {
		r.connect.Reset(nil)
		r.helo.Reset(nil)
	}
	for i := range r.lanes {
		r.lanes[i].work, r.lanes[i].before = 0, 0
	}
	r.part = &r.rest
	r.takeNotes(false)
}

// detached ends the record while a handler hangs. The watchdog calls it, so it must not
// touch what the handler may use.
func (r *recording) detached(v Verdict) {
	if r.off() {
		return
	}
	s := r.session
	lane, stage := s.watch.lane, s.watch.stage
	filter, aborted := "", false
	if !r.open {
		if r.sessionAt == 0 { // no part of a session is recorded
			r.closed = true
			return
		}
		r.begin(0)
		r.began = r.sessionAt
	}
	r.part, r.detaching = &r.rest, true
	if lane != nil {
		filter = lane.plan.name
		r.failure(lane, stage, "handler timed out; the framework replied on its behalf")
		r.verdict(lane, stage, v, true, false)
		r.end.Filters[lane.plan.number-1].Failed = true
	} else if !s.message.result.Aborted && s.inMessage() {
		v, filter, stage = s.message.result.Verdict, s.message.result.Filter, s.message.result.Stage
	}
	r.hung = lane
	r.end.Number, r.end.Quarantine, r.end.State = 0, "", stateOfVerdict(v)
	if s.inMessage() {
		r.end.Number = s.message.number
	} else if v.Refuses() {
		r.end.State = tape.StateRefused
	}
	r.emit(v, filter, stage, aborted)
	r.closed = true
}

// stateOfVerdict returns how a message ended for which the MTA received the verdict.
func stateOfVerdict(v Verdict) byte {
	switch v.kind {
	case kindReject:
		return tape.StateRejected
	case kindTempFail:
		return tape.StateDeferred
	case kindReply:
		if v.Code() < 500 {
			return tape.StateDeferred
		}
		return tape.StateRejected
	case kindDiscard:
		return tape.StateDiscarded
	default:
		return tape.StateAccepted
	}
}

// emit writes the end of the record and gives the record to the Recorder.
func (r *recording) emit(v Verdict, filter string, stage Stage, aborted bool) {
	r.endBurst()
	s := r.session
	var working uint64
	for i := range r.lanes {
		t, lane := &r.lanes[i], &s.lanes.all[i]
		r.flushCall(t)
		failed := lane.record.failed || r.hung == lane
		r.anyFailed = r.anyFailed || failed
		if r.end.Number == 0 {
			t.work += t.before
		}
		r.end.Filters[i] = tape.FilterEnd{Called: lane.record.called || t.work > 0, Failed: failed, Edited: t.applied, Work: t.work}
		working += t.work
		t.work, t.edited, t.applied = 0, false, false
	}
	r.takeNotes(true)
	if !r.detaching { // else a handler may be adding attributes
		r.attrs(s.log.session.attrs)
		r.attrs(s.log.message.attrs)
	}
	if !r.fresh {
		r.read()
	}
	e := &r.end
	e.Failed, e.Aborted, e.Stage, e.Decision, e.Filter = r.anyFailed, aborted, byte(stage), decisionOf(v), filter
	e.Began, e.Ended = r.began, r.clock
	r.rest.End(e)
	r.out = Recording{
		Bytes: r.rest.Bytes(), Failed: r.anyFailed, Working: time.Duration(working),
		Ended:   r.epoch.Add(time.Duration(r.clock)), //nolint:gosec // a time of this process
		Refused: r.refused.count > 0 || e.State != tape.StateAccepted && e.State != tape.StateAborted,
	}
	r.hand()
	r.open, r.recorded, r.anyFailed, r.refused = false, true, false, refusedInRecord{}
	r.part = &r.rest
	if r.taken > 0 {
		s.shared.recordings.Give(r.taken)
		r.taken = 0
	}
	r.out.Bytes = nil // else the session would hold what Release gives back
	r.rest.Release()
}

// hand gives the record to the Recorder. If the Recorder panics, the session goes on without it.
func (r *recording) hand() {
	returned := false
	defer func() {
		if !returned {
			r.closed = true
			journal{r.session}.ofServer().Error("recorder panicked; the connection is not recorded any more", "panic", recover())
		}
	}()
	r.to.Record(&r.out)
	returned = true
}

// attrs writes attributes of log lines.
func (r *recording) attrs(attrs []slog.Attr) {
	for _, a := range attrs {
		r.rest.Attr(a.Key, a.Value.Resolve().String())
	}
}

// notes returns the notes of the open message or of the session.
func (r *recording) notes(message bool) *notesTold {
	r.notesMu.Lock()
	defer r.notesMu.Unlock()
	at := &r.sessionNotes
	if message {
		at = &r.messageNotes
	}
	if *at == nil {
		*at = newNotesTold(r)
		r.noted.Store(true)
	}
	return *at
}

// asyncNotes returns the value by which RecordNote finds the recording in a function that
// the running handler starts beside the session.
func (r *recording) asyncNotes(ofMessage bool) *noteSource {
	if r == nil {
		return nil
	}
	return &noteSource{r.notes(ofMessage), int(r.running.Load())}
}

// takeNotes writes the notes to the record and ends those of the message. Otherwise it ends
// those of the session.
func (r *recording) takeNotes(ofMessage bool) {
	if !r.noted.Load() {
		return
	}
	r.notesMu.Lock()
	defer r.notesMu.Unlock()
	if ofMessage {
		r.sessionNotes.write(false)
		r.messageNotes.write(true)
		r.messageNotes = nil
		return
	}
	r.sessionNotes.end()
	r.sessionNotes = nil
}
