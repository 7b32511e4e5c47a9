package framework

import (
	"errors"
	"fmt"
)

// outcome is what the handlers of one or more lanes decided about an event.
type outcome struct {
	verdict Verdict
	filter  string // that decided for all, or ""
	failed  bool   // the verdict is the policy's, after an error
}

// errMisplaced reports that a handler returned a verdict that is not valid at
// its stage.
var errMisplaced = errors.New("the verdict cannot be given at this stage")

// dispatch calls the handlers of several lanes, until one lane decides for all.
func (s *Session) dispatch(at []stageLane, stage Stage, ev Event) outcome {
	if s.deferred.is() {
		return outcome{}
	}
	for i := range at {
		lane := &s.lanes.all[at[i].lane]
		if lane.done {
			continue
		}
		out := s.run(lane, at[i].routes, ev)
		if s.conn.Detached() {
			return outcome{}
		}
		if out.verdict.kind == kindContinue {
			continue
		}
		if out = s.decide(lane, stage, out); out.verdict.ends() {
			return out
		}
	}
	return outcome{}
}

// decide records the outcome of a lane. It returns the outcome if it decides for all
// lanes, and otherwise an empty outcome.
func (s *Session) decide(lane *laneState, stage Stage, out outcome) outcome {
	v := out.verdict
	if v != Continue {
		lane.lastVerdict = v
		lane.recordVerdict(s, stage, out.verdict, out.failed)
		s.recording.verdict(s, lane, stage, v, out.failed, false)
	}
	if v.ends() {
		aboutMessage := v.endsMessage(stage) || s.nego.silent[stage]
		lane.notified = lane.notified || aboutMessage && !out.failed
		out.filter = lane.plan.name
		return out
	}
	if v.kind == kindAccept {
		lane.accept(stage)
	}
	return outcome{}
}

// run calls a lane's handlers of one event until one of them decides. It turns an error
// or a panic into the policy's verdict. After the connection was detached, it calls only
// the handlers of Abort and Close, which clean up.
func (s *Session) run(lane *laneState, routes []route, ev Event) outcome {
	stage := ev.Stage()
	if s.conn.Detached() && stage != StageAbort && stage != StageClose {
		return outcome{}
	}
	s.lanes.running = lane
	lane.record.called = lane.record.called || stage.ofMessage()
	s.recording.calls(lane, stage)
	s.watch.begin(lane, stage, s.conn.Detached())
	out, err := s.call(lane, routes, ev)
	ok, expired := s.endCall()
	s.recording.called()
	s.lanes.running, s.context.wrapped = nil, nil
	if !ok {
		lane.record.fail(stage)
		return outcome{}
	}
	if err != nil {
		return s.fail(lane, stage, withCause(s, err, expired))
	}
	if out.verdict != Continue && lane.plan.policy.dryRun {
		journal{s}.dryRun(lane, stage, out.verdict, nil)
		lane.recordVerdict(s, stage, out.verdict, out.failed)
		s.recording.verdict(s, lane, stage, out.verdict, false, true)
		if stage != StageRcpt || !out.verdict.Refuses() {
			lane.accept(stage)
		}
		return outcome{}
	}
	return out
}

// endCall records that a call of a lane's code has returned. ok is false if it returned
// too late, and expired is true if the call ran past its deadline.
func (s *Session) endCall() (ok, expired bool) {
	ok, expired = s.watch.finish()
	if expired {
		s.context.revive()
	}
	return ok, expired
}

// withCause adds to an error that a call returned why its context had ended, if it had. The
// error itself may only say "i/o timeout" or "use of closed network connection".
func withCause(s *Session, err error, expired bool) error {
	cause := ErrHandlerTimeout
	if !expired {
		cause = s.context.ended(s.shared.base)
	}
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// callCode calls code of a filter or of a middleware that is not a handler. The watchdog
// watches the call like one of a handler. name says what the code is, for the log.
func callCode(s *Session, name string, fn func() error) error {
	s.watch.beginCode(name, s.conn.Detached())
	err := contained(fn)
	s.endCall()
	return err
}

func (s *Session) call(lane *laneState, routes []route, ev Event) (out outcome, err error) {
	defer contain(&err)
	body := ev.Stage() == StageBody
	for i := range routes {
		if body && lane.skipped&(1<<i) != 0 {
			continue
		}
		s.context.wrapped = nil
		v, err := Continue, error(nil)
		if routes[i].dryRun {
			s.callDry(lane, &routes[i], ev)
		} else {
			v, err = routes[i].handle(s, ev)
		}
		switch {
		case err != nil:
			return outcome{}, err
		case v.kind == kindContinue:
		case !v.fits(ev.Stage()):
			return outcome{}, errMisplaced
		case v.kind == kindSkipBody:
			lane.skipped |= 1 << i
		default:
			return outcome{verdict: v}, nil
		}
	}
	return outcome{}, nil
}

// callDry calls a handler in a dry run. It logs the verdict and the modifications, and
// does not apply them.
func (s *Session) callDry(lane *laneState, rt *route, ev Event) {
	before, edits := len(lane.edits), &s.message.edits
	placed, asked := edits.placed, edits.asked
	s.lanes.dryRun.Store(true)
	var v Verdict
	err := contained(func() (err error) {
		v, err = rt.handle(s, ev)
		return err
	})
	s.lanes.dryRun.Store(false)
	journal{s}.dryEdits(lane, lane.edits[before:])
	clear(lane.edits[before:])
	lane.edits = lane.edits[:before]
	s.content.filters.Shrink(int64(max(edits.asked, freeEdits) - max(asked, freeEdits)))
	edits.placed, edits.asked = placed, asked
	if err != nil {
		s.shared.counters.failed(true)
	}
	if err != nil || v != Continue {
		journal{s}.dryRun(lane, ev.Stage(), v, err)
		s.recording.inDryRun(lane, ev.Stage(), v, err)
	}
}

// fail logs a handler's failure and returns the lane's policy verdict. If the memory
// budget is used up, the handler is not to blame.
func (s *Session) fail(lane *laneState, stage Stage, err error) outcome {
	lane.record.fail(stage)
	s.recording.failed(lane, stage, err)
	if errors.Is(err, ErrNoMemory) {
		return lane.shortOfMemory(s, stage)
	}
	s.shared.counters.failed(lane.plan.policy.canDoWithout() || stage == StageAbort || stage == StageClose)
	attrs := []any{"filter", lane.plan.name, "stage", stage.String()}
	if stack, ok := stackOf(err); ok {
		attrs = append(attrs, "stack", stack)
	}
	attrs = append(attrs, "error", &handlerError{filter: lane.plan.name, stage: stage, err: err})
	journal{s}.logger().Error("handler failed", s.messageAttrs(attrs...)...)
	switch {
	case stage == StageAbort || stage == StageClose:
		return outcome{}
	case lane.plan.policy.canDoWithout():
		lane.leaveOut(stage)
		return outcome{}
	}
	v, permanent := lane.plan.policy.refusal(err, s.lanes.leftOut())
	return outcome{verdict: v, failed: !permanent || stage != StageRcpt}
}

// exceed handles a limit that was exceeded at the given stage. Lanes that need the part
// are left out of the message if their policy allows that. The first other lane that
// needs the part refuses the message, or at Rcpt the recipient. exceed returns this
// refusal, or Continue if there is none.
func (s *Session) exceed(stage Stage, hit *limitHit) outcome {
	hit.total.Add(1)
	for i := range s.lanes.all {
		lane := &s.lanes.all[i]
		if lane.needs()&hit.part == 0 {
			continue
		}
		if lane.plan.policy.canDoWithout() {
			journal{s}.limit(lane, "filter left out", hit)
			s.recording.failure(lane, stage, "left out: over "+hit.limit)
			lane.leaveOut(stage)
			continue
		}
		journal{s}.limit(lane, hit.verdict.String(), hit)
		lane.lastVerdict = hit.verdict
		lane.record.fail(stage)
		lane.recordVerdict(s, stage, hit.verdict, false)
		s.recording.failure(lane, stage, "over "+hit.limit)
		s.recording.verdict(s, lane, stage, hit.verdict, false, false)
		return outcome{verdict: hit.verdict, filter: lane.plan.name}
	}
	s.warnClosing(s.content.lose(hit.part | s.lanes.unneeded()))
	return outcome{}
}

// shortOfMemory returns the outcome of a handler of the lane that could not reserve
// memory. Unlike after a failure, the reply says that there may be room later.
func (l *laneState) shortOfMemory(s *Session, stage Stage) outcome {
	hit := s.shared.noMemory(ofFilter)
	hit.total.Add(1)
	switch {
	case stage == StageAbort || stage == StageClose:
		return outcome{}
	case l.plan.policy.canDoWithout():
		journal{s}.limit(l, "filter left out", hit)
		l.leaveOut(stage)
		return outcome{}
	}
	journal{s}.limit(l, hit.verdict.String(), hit)
	// At Rcpt the reply is about the recipient. At the other stages it holds for the
	// rest of the message, as it does after a failure.
	return outcome{verdict: hit.verdict, failed: stage != StageRcpt}
}

// refuseDisorder ends the part of every lane in a message that the MTA sent out of order. If a
// lane's policy requires its decision, that lane's verdict refuses the message.
func (s *Session) refuseDisorder(stage Stage) outcome {
	for i := range s.lanes.all {
		lane := &s.lanes.all[i]
		if lane.done {
			continue
		}
		s.recording.failure(lane, stage, "the MTA sent an event out of order")
		if lane.plan.policy.canDoWithout() {
			lane.leaveOut(stage)
			continue
		}
		lane.record.fail(stage)
		v := lane.plan.policy.failure
		s.recording.verdict(s, lane, stage, v, true, false)
		return outcome{verdict: v, filter: lane.plan.name, failed: true}
	}
	return outcome{}
}
