package framework

import (
	"io"
	"iter"
	"time"

	"github.com/sluicemail/sluice/framework/internal/ledger"
)

// messageState is the state of the open message. If no message is open, it is zero except
// for the number.
type messageState struct {
	number     uint64    // counts the messages of the connection, so that old handles are known
	phase      Stage     // the latest stage of the message
	stages     uint16    // a bit for each stage that came
	disordered bool      // the MTA sent events out of order
	began      time.Time // if a middleware bounds the time of a message
	edits      edits
	closers    []io.Closer // readers of new bodies, closed when the message ends
	result     MessageResult

	refusals refusals
}

// reset drops the state of the message.
func (m *messageState) reset() {
	m.edits.reset()
	m.refusals.reset()
	*m = messageState{number: m.number, edits: m.edits, refusals: m.refusals}
}

// came reports whether the stage came in the message.
func (m *messageState) came(stage Stage) bool { return m.stages&(1<<stage) != 0 }

// move moves the message to a stage. DATA and the end of the headers may come late.
func (m *messageState) move(stage Stage) {
	m.stages |= 1 << stage
	if stage > m.phase || !stage.once() {
		m.phase = stage
	}
}

// MessageResult describes how a message ended, as far as the filters know. See
// [Route.AfterMessage].
type MessageResult struct {
	// Verdict is the last verdict that the MTA received. It is Continue or Accept
	// if the message was accepted.
	Verdict Verdict
	// Filter is the filter whose verdict refused or discarded the message, or "".
	Filter string
	// Stage is the stage at which the MTA received the verdict.
	Stage Stage
	// Aborted reports whether the message ended without a verdict: the client
	// gave it up, the MTA or another milter refused it, or the connection broke.
	Aborted bool
	// Number is the message's number on the connection, counted from 1.
	Number uint64
	// Recipients is the number of recipients that the MTA sent to the filters
	// and that no filter refused. It is 0 if Shown(StageRcpt) is false.
	Recipients int
	// Size is the number of bytes of the body that the MTA sent to the filters.
	// It is 0 if Shown(StageBody) is false.
	Size int64

	counts   *[numEditKinds]int
	lanes    []laneState
	reached  Stage
	withheld *[numStages]bool
	session  *Session
}

// Shown reports whether the message reached the stage and the MTA sent that stage to the
// filters. With it, one can distinguish, for example, a message without recipients from a
// message whose recipients the MTA did not send.
func (r *MessageResult) Shown(stage Stage) bool {
	return stage.ofMessage() && stage <= r.reached && !r.withheld[stage]
}

// Modifications iterates over the modifications that were sent: the libmilter name of
// each kind, such as addheader, and the number of modifications of that kind. If the
// message was not accepted, there are none.
func (r *MessageResult) Modifications() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		if r.Aborted || r.Verdict.ends() {
			return
		}
		for kind, n := range r.counts {
			if n > 0 && !yield(editKind(kind).String(), n) {
				return
			}
		}
	}
}

// Verdicts iterates over the filters, in order, and the last verdict of each.
func (r *MessageResult) Verdicts() iter.Seq2[string, Verdict] {
	return func(yield func(string, Verdict) bool) {
		for i := range r.lanes {
			if !yield(r.lanes[i].plan.name, r.lanes[i].lastVerdict) {
				return
			}
		}
	}
}

// decided records the verdict that the MTA received last about the message, and the filter
// that gave it.
func (r *MessageResult) decided(stage Stage, v Verdict, filter string) {
	r.Verdict, r.Stage, r.Aborted = v, stage, false
	if v.ends() {
		r.Filter = filter
	}
}

// substitute is the reply that was given on behalf of a handler that hung.
type substitute struct {
	stage   Stage
	filter  string
	verdict Verdict
}

// substituted records the reply on behalf of a handler that hung, if it was
// about the message.
func (r *MessageResult) substituted(by substitute) {
	if by.stage.ofMessage() {
		r.decided(by.stage, by.verdict, by.filter)
	}
}

// FilterResult is what one filter decided about a message and asked to modify, whatever the
// other filters did: see [MessageResult.FilterResult]. If the filter is mounted with
// [DryRun], it is what the log says of it. What a handler did in a dry run by
// [Route.DryRun] is not in it.
type FilterResult struct {
	// Verdict is the filter's final verdict about the message or the session. It is
	// Continue if the filter gave none. After a failure it is that of the policy.
	Verdict Verdict
	// Stage is the stage at which the filter gave the verdict or failed.
	Stage Stage
	// Called reports whether a handler of the filter was called in the message. If not,
	// the filter had accepted the session, or the message ended before it.
	Called bool
	// Decided reports whether the filter gave a verdict, or let the message pass at its
	// end. If not, the message ended before the filter had decided, or the filter failed.
	Decided bool
	// Failed reports whether the filter failed or hung, or a limit of the server was
	// exceeded and the filter needs what was dropped.
	Failed bool
	// Incomplete reports whether recipients or modifications are missing, because the
	// server's memory for messages is used up.
	Incomplete bool

	refused []refusedRecipient
	made    []Modification
}

// FilterResult returns what a filter did. It returns false if no middleware has asked for it
// by [Route.WantFilterResult]. Like the MessageResult, it is valid only during the call of
// the function that was given to [Route.AfterMessage].
func (r *MessageResult) FilterResult(filter string) (FilterResult, bool) {
	for i := range r.lanes {
		if lane := &r.lanes[i]; lane.plan.name == filter && lane.plan.recorded {
			return lane.result(r.session), true
		}
	}
	return FilterResult{}, false
}

// result returns what the lane did. The modifications that it asked for before the message
// ended are still its edits.
func (l *laneState) result(s *Session) FilterResult {
	r := &l.record
	if len(r.made) == 0 && !r.incomplete {
		l.recordEdits(s)
	}
	return FilterResult{
		Verdict: r.verdict, Stage: r.stage, Called: r.called,
		Decided: !r.failed && (r.verdict != Continue || r.ended), Failed: r.failed, Incomplete: r.incomplete,
		refused: r.refused, made: r.made,
	}
}

// RefusedRecipients iterates over the recipients that the filter refused, as the client
// spelled them, and the verdict on each.
func (r *FilterResult) RefusedRecipients() iter.Seq2[string, Verdict] {
	return func(yield func(string, Verdict) bool) {
		for i := range r.refused {
			if !yield(r.refused[i].addr, r.refused[i].verdict) {
				return
			}
		}
	}
}

// Modifications iterates over what the filter asked to modify, in the order in which it
// asked, whether or not it was applied. If it replaced the body several times, only the last
// time counts.
func (r *FilterResult) Modifications() iter.Seq[Modification] {
	return func(yield func(Modification) bool) {
		for i := range r.made {
			if !yield(r.made[i]) {
				return
			}
		}
	}
}

// laneRecord is what a lane decided itself and asked to modify, for
// [MessageResult.FilterResult]. The lists are made only if a middleware wants them.
type laneRecord struct {
	verdict    Verdict
	stage      Stage // of the verdict, or of the failure
	called     bool  // a handler was called in the message
	ended      bool  // the lane's end of message is over
	failed     bool
	incomplete bool // there was no memory for the lists
	refused    []refusedRecipient
	made       []Modification
	body       bodyDigest // of a body that was read
}

// refusedRecipient is a recipient that a lane refused.
type refusedRecipient struct {
	addr    string // as the client spelled it
	verdict Verdict
}

// beginMessage drops what was about the last message. A decision about the session stays.
func (r *laneRecord) beginMessage() {
	if r.stage >= StageMail {
		r.verdict, r.stage, r.failed = Continue, StageConnect, false
	}
	r.called, r.ended = false, false
}

// endMessage drops the lists.
func (r *laneRecord) endMessage() {
	r.refused, r.made = truncated(r.refused), truncated(r.made)
	r.incomplete, r.body = false, bodyDigest{}
}

// fail records that the lane failed, or was left out, at a stage.
func (r *laneRecord) fail(stage Stage) {
	if stage > StageEndOfMessage {
		return
	}
	r.failed = true
	if r.verdict == Continue {
		r.stage = stage
	}
}

// takeBack drops a refusal at a stage that the client repeats.
func (r *laneRecord) takeBack(stage Stage) {
	if r.stage == stage && r.verdict.Refuses() {
		r.verdict, r.stage = Continue, StageConnect
	}
}

// recordVerdict records what a lane, or its policy after a failure, decided at a stage.
func (l *laneState) recordVerdict(s *Session, stage Stage, v Verdict, failed bool) {
	r := &l.record
	switch {
	case v == Continue || stage > StageEndOfMessage:
	case stage != StageRcpt || !v.Refuses() || failed:
		r.verdict, r.stage = v, stage
	case !l.plan.recorded || rcptRejected(s): // by the MTA, already
	case !s.content.reserve(&s.content.filters, refusedCost+len(s.event.rcpt.msg.Recipient)):
		r.incomplete = true
	default:
		r.refused = append(r.refused, refusedRecipient{s.event.rcpt.Raw(), v})
	}
}

// The memory that the record of a refused recipient takes in addition to the address, and
// that of a modification.
const (
	refusedCost      = 64
	modificationCost = 512
)

// recordEdits records what the lane asked to modify, before it is applied.
func (l *laneState) recordEdits(s *Session) {
	n := len(l.edits)
	if n > usualEntries && !s.content.reserve(&s.content.filters, n*modificationCost) {
		l.record.incomplete = true
		return
	}
	body := l.newBody()
	for i := range l.edits {
		e := &l.edits[i]
		if e.kind == editBody && e != body {
			continue // the last one counts
		}
		l.record.made = append(l.record.made, e.describe(s, l, i))
	}
}

// recordPlaces records where the new fields are, after the modifications were applied.
func (l *laneState) recordPlaces(book *ledger.Ledger) {
	added := make(map[ledger.ID]*Modification)
	for i := range l.record.made {
		if m := &l.record.made[i]; l.edits[m.edit].made != 0 {
			added[l.edits[m.edit].made] = m
		}
	}
	if len(added) == 0 {
		return
	}
	above := 0
	for id := range book.Fields {
		if m, ok := added[id]; ok {
			m.Above = above
		}
		above++
	}
}
