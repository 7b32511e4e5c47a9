package framework

// deliver shows an event to the lanes, in order, and answers the MTA.
func (s *Session) deliver(stage Stage, ev Event) {
	s.answer(stage, s.ask(s.plan.live[stage], stage, ev))
}

// ask shows an event to lanes until one has the last word.
func (s *Session) ask(lanes []stageLane, stage Stage, ev Event) Verdict {
	for i := range lanes {
		if s.pending.ends() {
			break
		}
		lane := &s.lanes[lanes[i].lane]
		if lane.over {
			continue
		}
		out := s.run(lane, lanes[i].routes, ev)
		if s.link.abandoned {
			return Continue
		}
		if v := s.settle(lane, stage, out); v.ends() {
			return v
		}
	}
	return Continue
}

// settle enters what a lane decided, and returns it when it is the last word
// for all lanes.
func (s *Session) settle(lane *laneState, stage Stage, out outcome) Verdict {
	v := out.verdict
	if v != Continue {
		lane.said = v
	}
	if v.ends() && s.ending.Filter == "" && (stage != StageRcpt || out.failed || out.silent && s.nego.silent[stage]) {
		s.ending.Filter = lane.plan.name
	}
	switch {
	case out.failed:
		if stage != StageUnknown || s.inMessage || s.nego.silent[stage] {
			s.keep(stage, v)
		}
		return v
	case v.kind == kindAccept:
		lane.leave(stage)
		lane.told = lane.over
	case v.ends():
		if stage != StageRcpt || v.kind == kindDiscard {
			lane.told = true
		}
		if out.silent && s.nego.silent[stage] {
			s.keep(stage, v)
		}
		return v
	}
	return Continue
}

// keep holds a verdict for the stages to come: it stands until the message
// ends, that under way or the next, or, when it was given about the session,
// until that ends.
func (s *Session) keep(stage Stage, v Verdict) {
	s.pending, s.pendingOf = v, s.ending.Filter
	s.forAll = stage == StageConnect || stage == StageHelo
}

// answer says a verdict to the MTA, if the MTA waits for one, and ends the
// message when the verdict does.
func (s *Session) answer(stage Stage, v Verdict) {
	if s.link.abandoned {
		return
	}
	if s.pending.ends() {
		v = s.pending
	}
	if s.nego.silent[stage] {
		if v.ends() && !s.pending.ends() {
			s.keep(stage, v)
		}
		return
	}
	if v.kind == kindContinue {
		v = s.unanimous(stage)
	}
	s.link.out = v.encode(s.link.out)
	if stage.ofMessage() && final(stage, v) {
		s.ending.said(stage, v)
		if stage == StageData && v.Refuses() {
			return // the client may say DATA again: see resumes
		}
		s.end()
	}
}

// final reports whether the MTA takes the verdict as its last about the
// message. A refusal at Rcpt is about a recipient.
func final(stage Stage, v Verdict) bool {
	if v.kind == kindAccept || v.kind == kindDiscard {
		return true
	}
	return v.Refuses() && stage != StageRcpt
}

// unanimous returns Accept when no lane wants more of the message or session
// and nothing is to be modified, SkipBody when none wants more of the body, and
// else Continue.
func (s *Session) unanimous(stage Stage) Verdict {
	over, edits := len(s.lanes) > 0, false
	for i := range s.lanes {
		lane := &s.lanes[i]
		edits = edits || len(lane.edits) > 0
		over = over && lane.over && (lane.left || stage.ofMessage())
	}
	switch {
	case over && !edits && stage != StageUnknown:
		return Accept
	case stage == StageBody && s.nego.skip && s.bodyDone():
		return SkipBody
	}
	return Continue
}

// bodyDone reports whether no lane wants more of the body.
func (s *Session) bodyDone() bool {
	if s.keeps(s.plan.collect, theBody) {
		return false
	}
	for _, sl := range s.plan.live[StageBody] {
		if lane := &s.lanes[sl.lane]; !lane.over && !lane.skippedAll(len(sl.routes)) {
			return false
		}
	}
	return true
}

func (l *laneState) skippedAll(routes int) bool {
	return l.skipped == 1<<routes-1
}
