package framework

import (
	"io"
	"log/slog"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/framework/internal/taping"
)

// edits writes what a lane asked to modify, before it is applied.
func (r *recording) edits(s *Session, lane *laneState) {
	if r.off() || len(lane.edits) == 0 || r.tape.Misses() {
		return
	}
	r.tape.Edited(lane.index())
	body := lane.newBody()
	for i := range lane.edits {
		if e := &lane.edits[i]; e.kind != editBody || e == body { // the last one counts
			r.edit(s, lane, e)
		}
	}
}

// edit writes one modification.
func (r *recording) edit(s *Session, lane *laneState, e *edit) {
	h := &e.handle
	out := tape.Edit{Filter: lane.index(), Kind: byte(e.kind), Place: byte(e.place), Above: max(e.above, h.n)}
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
			out.Value = e.sentValue(&s.nego)
		}
	}
	r.tape.Edit(&out)
}

// applied writes that the modifications of a lane were applied, and what they made of the
// message.
func (r *recording) applied(s *Session, lane *laneState) {
	if r.off() || r.tape.Misses() {
		return
	}
	r.tape.Applied(lane.index())
	if r.limits.Header && s.content.recorded() && lane.placesFields() {
		book := &s.content.book
		for id := range book.Fields {
			r.tape.Field(lane.index(), book.Name(id), book.Value(id))
		}
	}
	if lane.newBody() != nil {
		r.appliedBody(s, lane)
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
func (r *recording) appliedBody(s *Session, lane *laneState) {
	body := &s.message.edits.body
	if dst := r.tape.Body(lane.index(), body.size(&s.content)); len(dst) > 0 {
		n, _ := io.ReadFull(body.reader(&s.content), dst)
		clear(dst[n:])
	}
}

// endMessage ends the record of the open message.
func (r *recording) endMessage(s *Session) {
	if r.off() || !r.tape.EndMessage() {
		return
	}
	for i := range s.lanes.all {
		lane := &s.lanes.all[i]
		if !r.tape.HasEdits(i) {
			r.edits(s, lane)
		}
		if lane.record.incomplete {
			r.tape.Missing(i)
		}
	}
	how := r.messageEnding(s)
	r.emit(s, &how)
}

// messageEnding returns how the open message ended.
func (r *recording) messageEnding(s *Session) taping.Ending {
	res := &s.message.result
	how := taping.Ending{
		Number: s.message.number, Stage: byte(res.Stage), Aborted: res.Aborted,
		Filter: res.Filter, Decision: decisionOf(res.Verdict),
	}
	switch {
	case !res.Aborted:
		how.State = stateOfVerdict(res.Verdict)
		if how.State == tape.StateAccepted && s.message.edits.quarantine != "" {
			how.State, how.Quarantine = tape.StateQuarantined, s.message.edits.quarantine
		}
	case res.Recipients == 0 && r.refused.count > 0: // the client had none left
		how.Decision, how.Filter = decisionOf(r.refused.verdict), r.refused.filter
		how.State, how.Stage, how.Aborted = stateOfVerdict(r.refused.verdict), byte(StageRcpt), false
	default:
		how.State = tape.StateAborted
	}
	return how
}

// endSession ends the record of the SMTP session, if it had no message.
func (r *recording) endSession(s *Session) {
	if r.off() {
		return
	}
	record, ends := r.tape.EndSession(s.smtp.state >= stateOpen)
	if record {
		how := sessionEnding(&s.settled)
		r.emit(s, &how)
	}
	r.tape.ResetSession(ends)
}

// sessionEnding returns how a session without a message ended.
func sessionEnding(t *settled) taping.Ending {
	how := taping.Ending{State: tape.StateAborted, Stage: byte(t.stage), Aborted: true}
	if t.perSession && t.verdict.Refuses() {
		how.State, how.Aborted = tape.StateRefused, false
		how.Decision, how.Filter = decisionOf(t.verdict), t.filter
	}
	return how
}

// detached ends the record while a handler hangs, or other code of a filter or a middleware.
// v is the reply on its behalf. The watchdog calls detached, so it must not touch what the
// handler may use.
func (r *recording) detached(s *Session, v Verdict) {
	if r.off() {
		return
	}
	defer r.tape.Close()
	lane, stage := s.watch.lane, s.watch.stage
	if !r.tape.Detach(lane != nil) {
		return
	}
	r.detaching = true
	between := stage == StageAbort || stage == StageClose // v is about the next message
	const timedOut = " timed out; the framework replied on its behalf"
	if lane == nil {
		r.tape.Failure(taping.NoFilter, byte(s.message.phase), s.watch.code+timedOut)
	} else {
		r.failure(lane, stage, "handler"+timedOut)
		r.hung = lane.index()
		if !between {
			r.verdict(s, lane, stage, v, true, false)
		}
	}
	var how taping.Ending
	switch {
	case !between:
		how = taping.Ending{State: stateOfVerdict(v), Stage: byte(stage), Filter: lane.plan.name, Decision: decisionOf(v)}
		if s.inMessage() {
			how.Number = s.message.number
		} else if v.Refuses() {
			how.State = tape.StateRefused
		}
	case s.inMessage():
		how = r.messageEnding(s)
	default:
		how = sessionEnding(&s.settled)
	}
	r.emit(s, &how)
}

// emit writes the end of the record and gives the record to the Recorder.
func (r *recording) emit(s *Session, how *taping.Ending) {
	r.tape.EndCalls()
	for i := range s.lanes.all {
		record := &s.lanes.all[i].record
		r.tape.EndFilter(i, record.called, record.failed || i == r.hung, how.Number > 0)
	}
	if !r.detaching { // else a handler may be adding attributes
		r.attrs(s.log.session.attrs)
		r.attrs(s.log.message.attrs)
	}
	record := r.tape.End(how)
	r.out = Recording{
		Bytes: record.Bytes, Failed: record.Failed, Working: record.Working, Ended: record.Ended,
		Refused: r.refused.count > 0 || how.State != tape.StateAccepted && how.State != tape.StateAborted,
	}
	defer func() { // also if the Recorder ends the goroutine
		r.out.Bytes = nil // else the session would hold what Done gives back
		r.refused = refusedInRecord{}
		r.tape.Done()
	}()
	r.hand(s)
}

// hand gives the record to the Recorder. If the Recorder panics, the session goes on without it.
func (r *recording) hand(s *Session) {
	returned := false
	defer func() {
		if !returned {
			r.tape.Close()
			journal{s}.ofServer().Error("recorder panicked; the connection is not recorded any more", "panic", recover())
		}
	}()
	r.to.Record(&r.out)
	returned = true
}

// attrs writes attributes of log lines.
func (r *recording) attrs(attrs []slog.Attr) {
	for _, a := range attrs {
		r.tape.Attr(a.Key, a.Value.Resolve().String())
	}
}
