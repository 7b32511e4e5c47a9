package framework

import (
	"fmt"
	"slices"
	"strings"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/wire"
)

// An MTA may lack an action that a filter requires. Closing the connection would leave the
// mail to the MTA: Sendmail delivers it unfiltered unless it is told otherwise, and Maddy
// rejects it for good. Therefore the framework negotiates all the same, and the policy of the
// lane decides, as after a failure: the session goes on without the lane, or all of its mail
// is refused.

// lacking returns the lanes that require what the MTA does not offer. The first of them whose
// policy requires its decision causes the refusal of all mail.
func (p *Plan) lacking(offer wire.Actions) (list []lackingLane, refusal deferred) {
	for i := range p.lanes {
		lane := &p.lanes[i]
		missing := lane.requires &^ offer
		if missing == 0 {
			continue
		}
		list = append(list, lackingLane{i, missing})
		if !lane.canDoWithout() {
			refusal.set(StageConnect, lane.policy.failure, lane.name)
		}
	}
	return list, refusal
}

// canDoWithout reports whether sessions may go on without the lane: its policy says so, or
// each of its handlers is in a dry run, which must not refuse mail.
func (l *lanePlan) canDoWithout() bool { return l.policy.canDoWithout() || l.allDry }

// refusing returns the protocol bits of a session in which all mail is refused: the MTA sends
// CONNECT and MAIL and waits for the answers. Each MTA tells its client of one of them.
func refusing() (bits wire.Protocol) {
	for stage := range numStages {
		if no, _ := stage.switches(); stage != StageConnect && stage != StageMail {
			bits |= no
		}
	}
	return bits
}

// leaveOutLacking takes the lanes that the MTA lacks an action for out of what was negotiated,
// and logs each. If the mail is refused, no lane sees it.
func (s *Session) leaveOutLacking() {
	n := &s.nego
	for i := range s.lanes.all {
		lane := &s.lanes.all[i]
		lane.lacking = slices.ContainsFunc(n.lacking, func(l lackingLane) bool { return l.lane == i })
		lane.absent = lane.lacking || n.refusal.is()
	}
	s.beginSession()
	if len(n.lacking) == 0 {
		return
	}
	s.shared.counters.missingActions.Add(1)
	for _, l := range n.lacking {
		journal{s}.lacking(s.plan, &s.plan.lanes[l.lane], l.missing, n.refusal.verdict)
	}
}

// recordLacking writes to the record of the session why lanes take no part in it.
func (s *Session) recordLacking() {
	if s.recording.off() {
		return
	}
	for _, l := range s.nego.lacking {
		lane := &s.lanes.all[l.lane]
		s.recording.write()
		s.recording.failed(lane, StageConnect, &missingActionError{l.missing, s.plan.requiring(lane.plan, l.missing)})
	}
}

// beginSession prepares for an SMTP session, as far as the negotiation decides about it.
func (s *Session) beginSession() {
	s.lanes.beginSession()
	s.deferred = s.nego.refusal
}

// lacking logs that the MTA lacks actions for a lane.
func (j journal) lacking(p *Plan, lane *lanePlan, missing wire.Actions, refusal Verdict) {
	outcome := "filter left out"
	if refusal.ends() {
		outcome = refusal.String()
	}
	j.logger().Error("MTA lacks an action", "filter", lane.name, "outcome", outcome,
		"error", &missingActionError{missing, p.requiring(lane, missing)})
}

// Lack is a filter of a plan that cannot work behind an MTA: see [Plan.Lacking].
type Lack struct {
	// Filter is the name of the filter.
	Filter string
	// Missing are the actions that the filter requires and the MTA does not offer.
	Missing wire.Actions
	// Reasons are the grants that need them.
	Reasons []Reason
	// Refusal is the verdict on all mail of the MTA: that of [FailClosed] or
	// [FailWith]. It is [Continue] if sessions go on without the filter.
	Refusal Verdict
}

// Lacking returns the filters that cannot work behind an MTA that offers the given actions. If
// there is none, the MTA grants all that the filters require. The server decides in the same
// way when an MTA connects.
func (p *Plan) Lacking(offer wire.Actions) []Lack {
	lanes, _ := p.lacking(offer)
	return lo.Map(lanes, func(l lackingLane, _ int) Lack {
		lane := &p.lanes[l.lane]
		lack := Lack{Filter: lane.name, Missing: l.missing, Reasons: p.requiring(lane, l.missing)}
		if !lane.canDoWithout() {
			lack.Refusal = lane.policy.failure
		}
		return lack
	})
}

// requiring returns why a lane requires actions.
func (p *Plan) requiring(lane *lanePlan, missing wire.Actions) []Reason {
	names := missing.Names()
	return lo.Filter(p.Reasons, func(r Reason, _ int) bool {
		return r.Asked && !r.Optional && r.Filter == lane.name && slices.Contains(names, r.Bit)
	})
}

// missingActionError reports that the MTA does not offer actions that a filter requires.
type missingActionError struct {
	missing wire.Actions
	grants  []Reason // who asked for them, and where
}

// Error implements error.
func (e *missingActionError) Error() string {
	var b strings.Builder
	b.WriteString("framework: the MTA does not offer " + e.missing.String())
	for _, g := range e.grants {
		fmt.Fprintf(&b, "; %s of filter %q at %s needs it", g.Cause, g.Filter, g.Where)
	}
	return b.String()
}
