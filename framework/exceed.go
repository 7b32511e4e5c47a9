package framework

// exceed makes the lanes do without a part of the message, at the given stage. Lanes that
// the message can do without are left out of it. The first other lane that needs the part
// refuses the message, or at Rcpt the recipient. The result is that refusal, or Continue.
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
		if stage != StageRcpt {
			s.message.result.Filter = lane.plan.name
		}
		return outcome{verdict: hit.verdict}
	}
	s.warnClosing(s.content.lose(hit.part | s.lanes.unneeded()))
	return outcome{}
}

// logLimit logs a limit that was hit; the logger names the MTA.
func (s *Session) logLimit(lane *laneState, outcome string, hit *limitHit) {
	attrs := []any{"filter", lane.plan.name, "outcome", outcome, "limit", hit.limit, "most", hit.most}
	if hit.err != nil {
		attrs = append(attrs, "error", hit.err)
	}
	s.Logger().Warn(hit.part.String()+" not kept", s.messageAttrs(attrs...)...)
}
