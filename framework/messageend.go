package framework

import (
	"iter"
	"runtime/debug"
)

// MessageResult tells how a message ended, as far as the filters were shown it.
type MessageResult struct {
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
func (e *MessageResult) Shown(stage Stage) bool {
	return stage.ofMessage() && stage <= e.reached && !e.nego.withheld[stage]
}

// Modifications walks through the kinds of modification that were sent, by
// their libmilter names such as addheader, and how many there were of each. Of
// a message that was not taken none was.
func (e *MessageResult) Modifications() iter.Seq2[string, int] {
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
func (e *MessageResult) Verdicts() iter.Seq2[string, Verdict] {
	return func(yield func(string, Verdict) bool) {
		for i := range e.lanes {
			if !yield(e.lanes[i].plan.name, e.lanes[i].said) {
				return
			}
		}
	}
}

// AfterMessage calls fn after each message, once its last handlers have run: those
// of its end, or of its abort. If a handler hung and the framework replied on its
// behalf, fn is called when that handler has returned. The message's macros, slots
// and context are still there; the MessageResult is valid during the call.
//
// fn adds no stage, since the framework knows the end of a message in any case. It
// is called as often as it was passed here: a middleware that wraps several
// handlers passes it once, with [OncePerRouter] or [OncePerFilter].
func (rt *Route) AfterMessage(fn func(*Session, *MessageResult)) {
	if fn == nil {
		rt.Errorf("AfterMessage without a function")
		return
	}
	reg := rt.router.reg
	reg.mustBeOpen()
	reg.endHooks = append(reg.endHooks, fn)
}

// said enters the verdict that is the last about the message.
func (e *MessageResult) said(stage Stage, v Verdict) {
	e.Verdict, e.Stage, e.Aborted = v, stage, false
}

// instead is what is said in the place of a handler that hangs.
type instead struct {
	stage   Stage
	filter  string
	verdict Verdict
}

// answeredInstead enters it, where it was about the message.
func (e *MessageResult) answeredInstead(by instead) {
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
	for _, hook := range s.plan.reg.endHooks {
		s.tellOne(hook)
	}
}

// tellOne shields the session from the hook, which is no handler.
func (s *Session) tellOne(hook func(*Session, *MessageResult)) {
	defer func() {
		if v := recover(); v != nil {
			s.Logger().Error("end of message not told", "error", &PanicError{Value: v}, "stack", string(debug.Stack()))
		}
	}()
	hook(s, &s.ending)
}
