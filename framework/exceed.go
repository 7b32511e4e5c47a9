package framework

// exceed handles a limit that was exceeded at the given stage. Lanes that need the part
// are left out of the message if their policy allows that. The first other lane that
// needs the part refuses the message, or at Rcpt the recipient. exceed returns this
// refusal, or Continue if there is none.
func (s *Session) exceed(stage Stage, hit *limitHit) outcome {
	hit.total.Add(1)
	for i := range s.lanes.all {
		lane := &s.lanes.all[i]
		if lane.done || lane.plan.needs&hit.part == 0 {
			continue
		}
		if lane.plan.policy.canDoWithout() {
			s.logLimit(lane, "filter left out", hit)
			lane.leave(stage)
			lane.dropEdits()
			continue
		}
		s.logLimit(lane, hit.verdict.String(), hit)
		lane.lastVerdict = hit.verdict
		return outcome{verdict: hit.verdict, filter: lane.plan.name}
	}
	s.warnClosing(s.content.lose(hit.part | s.lanes.unneeded()))
	return outcome{}
}

// logLimit logs that a limit was exceeded. The session's logger adds the MTA's
// address.
func (s *Session) logLimit(lane *laneState, outcome string, hit *limitHit) {
	attrs := []any{"filter", lane.plan.name, "outcome", outcome, "limit", hit.limit, "most", hit.most}
	if hit.err != nil {
		attrs = append(attrs, "error", hit.err)
	}
	s.Logger().Warn(hit.part.String()+" not kept", s.messageAttrs(attrs...)...)
}
