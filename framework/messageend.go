package framework

import (
	"fmt"
	"iter"
	"reflect"
	"runtime/debug"
	"slices"
)

// MessageEnder is told how each message ended, once, after the handlers for its
// end or its abort have run. Of a message whose handler hung, and was answered for
// in its place, it is told when that handler is back. See [Route.AtMessageEnd].
type MessageEnder interface {
	// MessageEnd is called while the message's state is still there: its
	// macros, slots and context. The argument is valid during the call.
	MessageEnd(s *Session, end *MessageEnd)
}

// MessageEnd tells how a message ended, as far as the filters were shown it.
type MessageEnd struct {
	// Verdict is the last that the MTA was told: Continue or Accept when
	// the message was taken.
	Verdict Verdict
	// Filter is the lane that gave a verdict which refuses or discards, ""
	// where none did.
	Filter string
	// Stage is where the verdict was told.
	Stage Stage
	// Aborted tells that the message ended without a verdict: the client
	// gave it up, the MTA or another milter refused it, or the connection
	// broke.
	Aborted bool
	// Number counts the messages of the connection, from 1.
	Number uint64
	// Recipients is the number of recipients that were shown and not
	// refused. It is a count where Shown(StageRcpt), and else 0.
	Recipients int
	// Size is the number of bytes of the body that were shown. It is a
	// count where Shown(StageBody), and else 0.
	Size int64

	edits   [editQuarantine + 1]int
	lanes   []laneState
	reached Stage
	nego    *negotiated
}

// Shown reports whether the message came to the stage, or past it, with an MTA
// that tells of it because a filter asked for it: that there were no recipients,
// for instance, rather than none that were told of.
func (e *MessageEnd) Shown(stage Stage) bool {
	return stage.ofMessage() && stage <= e.reached && !e.nego.withheld[stage]
}

// Modifications walks through the kinds of modification that were sent, by
// their libmilter names such as addheader, and how many there were of each. Of
// a message that was not taken none was.
func (e *MessageEnd) Modifications() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		if e.Aborted || e.Verdict.ends() {
			return
		}
		for kind, n := range e.edits {
			if n > 0 && !yield(editKind(kind).String(), n) {
				return
			}
		}
	}
}

// Verdicts walks through the lanes, in order, and the last verdict of each.
func (e *MessageEnd) Verdicts() iter.Seq2[string, Verdict] {
	return func(yield func(string, Verdict) bool) {
		for i := range e.lanes {
			if !yield(e.lanes[i].plan.name, e.lanes[i].said) {
				return
			}
		}
	}
}

// AtMessageEnd has e told how each message ended. It adds no stage: the end of
// a message is known in any case. The same e is told once, whatever the number
// of routes that ask for it. It must be of a type that can be compared: a pointer,
// for instance.
func (rt *Route) AtMessageEnd(e MessageEnder) {
	if e == nil || !reflect.TypeOf(e).Comparable() {
		rt.Mistake(fmt.Sprintf("AtMessageEnd of a %T, which is nobody, or cannot be told from others", e))
		return
	}
	if !slices.Contains(rt.router.reg.enders, e) {
		rt.router.reg.enders = append(rt.router.reg.enders, e)
	}
}

// said enters the verdict that is the last about the message.
func (e *MessageEnd) said(stage Stage, v Verdict) {
	e.Verdict, e.Stage, e.Aborted = v, stage, false
}

// instead is what is said in the place of a handler that hangs.
type instead struct {
	stage   Stage
	filter  string
	verdict Verdict
}

// answeredInstead enters it, where it was about the message.
func (e *MessageEnd) answeredInstead(by instead) {
	if !by.stage.ofMessage() {
		return
	}
	e.said(by.stage, by.verdict)
	if by.verdict.ends() {
		e.Filter = by.filter
	}
}

// tellEnd tells everybody how the message ended.
func (s *Session) tellEnd() {
	s.ending.answeredInstead(s.link.instead)
	s.ending.reached, s.ending.nego = s.phase, &s.nego
	for _, e := range s.plan.reg.enders {
		s.tellOne(e)
	}
}

// tellOne shields the session from e, which is no handler.
func (s *Session) tellOne(e MessageEnder) {
	defer func() {
		if v := recover(); v != nil {
			s.Logger().Error("end of message not told", "error", &PanicError{Value: v}, "stack", string(debug.Stack()))
		}
	}()
	e.MessageEnd(s, &s.ending)
}
