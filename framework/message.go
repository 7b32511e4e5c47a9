package framework

import (
	"io"
	"iter"
	"time"
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
