package framework

import (
	"errors"
	"log/slog"
)

// laneState is a mounted filter in one session.
type laneState struct {
	plan    *lanePlan
	left    bool // no more of this session
	over    bool // no more of this message
	told    bool // it knows how the message ended for it
	said    Verdict
	skipped uint64 // its body routes that want no more chunks
	edits   []edit
	doomed  map[doomed]int // where among them deletions are
}

// begin readies the lane for a message.
func (l *laneState) begin() {
	l.over, l.told, l.skipped, l.said = l.left, l.left, 0, Continue
	l.drop()
}

// drop forgets what the lane asked to modify.
func (l *laneState) drop() {
	clear(l.edits)
	clear(l.doomed)
	l.edits = l.edits[:0]
}

// leave ends the lane's part at the stage: in the session, or in the message. An
// unknown command is part of neither: a client must not be able to send a filter
// away by a word.
func (l *laneState) leave(stage Stage) {
	switch {
	case stage == StageConnect || stage == StageHelo:
		l.over, l.left = true, true
	case stage.ofMessage():
		l.over = true
	}
}

// outcome is what came of running a lane's handlers at one stage.
type outcome struct {
	verdict Verdict
	failed  bool // the verdict is the policy's, after an error
	silent  bool // it came from a handler that was not to answer
}

var (
	errMisplaced = errors.New("the verdict cannot be given at this stage")
	errTimedOut  = errors.New("the connection was given up while the handler ran")
)

// run calls the lane's handlers of one stage, until one of them decides. What
// goes wrong becomes the policy's verdict.
//
// After the connection was given up no handler runs but those that clean up.
func (s *Session) run(lane *laneState, routes []route, ev Event) (out outcome) {
	if s.link.abandoned && ev.Stage() != StageAbort && ev.Stage() != StageClose {
		return outcome{}
	}
	s.running = lane
	s.link.enter(s, lane, ev.Stage())
	out, err := s.call(lane, routes, ev)
	s.running, s.wrapped = nil, nil
	if !s.link.leave() {
		s.link.abandoned = true
		return outcome{}
	}
	if err != nil {
		return s.failed(lane, ev.Stage(), err)
	}
	return s.dry(lane, ev.Stage(), out)
}

func (s *Session) call(lane *laneState, routes []route, ev Event) (out outcome, err error) {
	defer contain(&err)
	for i := range routes {
		if lane.skipped&(1<<i) != 0 && ev.Stage() == StageBody {
			continue
		}
		v, err := s.handle(lane, &routes[i], ev)
		if err != nil {
			return outcome{}, err
		}
		switch {
		case v.kind == kindContinue:
		case !v.fits(ev.Stage()):
			return outcome{}, errMisplaced
		case v.kind == kindSkipBody:
			lane.skipped |= 1 << i
		default:
			return outcome{verdict: v, silent: !routes[i].answers}, nil
		}
	}
	return outcome{}, nil
}

// handle calls one handler. Nothing comes of one that is on trial.
func (s *Session) handle(lane *laneState, rt *route, ev Event) (Verdict, error) {
	s.wrapped = nil // the route before may have left it
	if !rt.trial {
		return rt.handle(s, ev)
	}
	before := len(lane.edits)
	s.link.trial.Store(true)
	v, err := s.try(rt, ev)
	s.link.trial.Store(false)
	for i := range lane.edits[before:] {
		s.logEdit(lane, &lane.edits[before+i])
	}
	clear(lane.edits[before:])
	lane.edits = lane.edits[:before]
	if err != nil || v != Continue {
		s.Logger().Info("dry run: verdict", "filter", lane.plan.name, "stage", ev.Stage().String(),
			"queue", s.QueueID(), "verdict", v.String(), "error", err)
	}
	return Continue, nil
}

// try calls a handler whose panic is to be no more than an error.
func (s *Session) try(rt *route, ev Event) (v Verdict, err error) {
	defer contain(&err)
	return rt.handle(s, ev)
}

// failed logs a handler's failure and returns the lane's policy verdict.
func (s *Session) failed(lane *laneState, stage Stage, err error) outcome {
	s.link.counters.handlerErrors.Add(1)
	attrs := []any{"filter", lane.plan.name, "stage", stage.String(), "queue", s.QueueID(), "message", s.message}
	if p, ok := errors.AsType[*PanicError](err); ok {
		attrs = append(attrs, "stack", string(p.Stack))
	}
	err = &handlerError{Filter: lane.plan.name, Stage: stage, Err: err}
	s.Logger().Log(s.link.base, slog.LevelError, "handler failed", append(attrs, "error", err)...)
	if stage == StageAbort || stage == StageClose {
		return outcome{}
	}
	if lane.plan.policy.failOpen || lane.plan.policy.dryRun {
		lane.leave(stage)
		if lane.over {
			lane.drop()
		}
		return outcome{}
	}
	return outcome{verdict: lane.plan.policy.failure, failed: true}
}

// dry logs what a lane on trial decided, and decides nothing.
func (s *Session) dry(lane *laneState, stage Stage, out outcome) outcome {
	if !lane.plan.policy.dryRun || out.verdict.kind == kindContinue {
		return out
	}
	s.Logger().Info("dry run: verdict", "filter", lane.plan.name, "stage", stage.String(),
		"queue", s.QueueID(), "verdict", out.verdict.String())
	if stage != StageRcpt || !out.verdict.Refuses() {
		lane.leave(stage)
		lane.told = lane.over
	}
	return outcome{}
}
