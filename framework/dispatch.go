package framework

import "errors"

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
	s.watch.begin(lane, stage, s.conn.Detached())
	out, err := s.call(lane, routes, ev)
	ok := s.endCall()
	s.lanes.running, s.context.wrapped = nil, nil
	if !ok {
		return outcome{}
	}
	if err != nil {
		return s.fail(lane, stage, err)
	}
	if out.verdict != Continue && lane.plan.policy.dryRun {
		s.logDryRun(lane, stage, out.verdict, nil)
		if stage != StageRcpt || !out.verdict.Refuses() {
			lane.accept(stage)
		}
		return outcome{}
	}
	return out
}

// endCall records that a call of a lane's code has returned, and reports whether it
// returned in time.
func (s *Session) endCall() bool {
	ok, expired := s.watch.end()
	if expired {
		s.context.revive()
	}
	return ok
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
	before := len(lane.edits)
	s.lanes.dryRun.Store(true)
	var v Verdict
	err := contained(func() (err error) {
		v, err = rt.handle(s, ev)
		return err
	})
	s.lanes.dryRun.Store(false)
	s.logDryEdits(lane, lane.edits[before:])
	clear(lane.edits[before:])
	lane.edits = lane.edits[:before]
	if err != nil || v != Continue {
		s.logDryRun(lane, ev.Stage(), v, err)
	}
}

// fail logs a handler's failure and returns the lane's policy verdict.
func (s *Session) fail(lane *laneState, stage Stage, err error) outcome {
	s.shared.counters.handlerErrors.Add(1)
	attrs := []any{"filter", lane.plan.name, "stage", stage.String()}
	if stack, ok := stackOf(err); ok {
		attrs = append(attrs, "stack", stack)
	}
	attrs = append(attrs, "error", &handlerError{filter: lane.plan.name, stage: stage, err: err})
	s.Logger().Error("handler failed", s.messageAttrs(attrs...)...)
	switch {
	case stage == StageAbort || stage == StageClose:
		return outcome{}
	case lane.plan.policy.canDoWithout():
		lane.leave(stage)
		if lane.done {
			lane.dropEdits()
		}
		return outcome{}
	}
	return outcome{verdict: lane.plan.policy.failure, failed: true}
}

// logDryRun logs what a lane or a handler decided in a dry run.
func (s *Session) logDryRun(lane *laneState, stage Stage, v Verdict, err error) {
	attrs := []any{"filter", lane.plan.name, "stage", stage.String(), "verdict", v.String()}
	if err != nil {
		attrs = append(attrs, "error", err)
	}
	s.Logger().Info("dry run: verdict", s.messageAttrs(attrs...)...)
}

// logDryEdits logs what a lane or a handler would modify.
func (s *Session) logDryEdits(lane *laneState, edits []edit) {
	for i := range edits {
		attrs := []any{"filter", lane.plan.name, "kind", edits[i].kind.String()}
		if edits[i].name != "" {
			attrs = append(attrs, "name", edits[i].name)
		}
		if edits[i].value != "" {
			attrs = append(attrs, "value", edits[i].value)
		}
		s.Logger().Info("dry run: modification", s.messageAttrs(attrs...)...)
	}
}
