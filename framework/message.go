package framework

import (
	"io"
	"iter"
	"time"
)

// messageState is the state of the open message. While none is open it is zero but for the
// number.
type messageState struct {
	number  uint64    // counts the messages of the connection, so that old handles are known
	phase   Stage     // the latest stage of the message
	began   time.Time // if a middleware bounds the time of a message
	edits   edits
	closers []io.Closer // readers of new bodies, closed when the message ends
	result  MessageResult
}

// reset forgets the message.
func (m *messageState) reset() {
	m.edits.reset()
	*m = messageState{number: m.number, edits: m.edits}
}

// MessageResult tells how a message ended, as far as the filters saw it. See
// [Route.AfterMessage].
type MessageResult struct {
	// Verdict is the last that the MTA received: Continue or Accept if the message
	// was accepted.
	Verdict Verdict
	// Filter is the filter whose verdict refused or discarded the message, or "".
	Filter string
	// Stage is where the MTA received the verdict.
	Stage Stage
	// Aborted tells that the message ended without a verdict: the client gave it
	// up, the MTA or another milter refused it, or the connection broke.
	Aborted bool
	// Number counts the messages of the connection, from 1.
	Number uint64
	// Recipients is the number of recipients that the MTA showed and no filter
	// refused. It is counted if Shown(StageRcpt), and else 0.
	Recipients int
	// Size is the number of bytes of the body that the MTA showed. It is counted
	// if Shown(StageBody), and else 0.
	Size int64

	counts   *[numEditKinds]int
	lanes    []laneState
	reached  Stage
	withheld *[numStages]bool
}

// Shown reports whether the message reached the stage, with an MTA that sends it because a
// filter asked for it. It tells, for instance, a message without recipients from one whose
// recipients the MTA did not show.
func (r *MessageResult) Shown(stage Stage) bool {
	return stage.ofMessage() && stage <= r.reached && !r.withheld[stage]
}

// Modifications iterates over the kinds of modification that were sent, by their libmilter
// names such as addheader, and how many there were of each. For a message that was not
// accepted there are none.
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

// decided enters the verdict that the MTA received last about the message.
func (r *MessageResult) decided(stage Stage, v Verdict) {
	r.Verdict, r.Stage, r.Aborted = v, stage, false
}

// substitute is the reply that was given on behalf of a handler that hung.
type substitute struct {
	stage   Stage
	filter  string
	verdict Verdict
}

// substituted enters that reply, if it was about the message.
func (r *MessageResult) substituted(by substitute) {
	if !by.stage.ofMessage() {
		return
	}
	r.decided(by.stage, by.verdict)
	if by.verdict.ends() {
		r.Filter = by.filter
	}
}
