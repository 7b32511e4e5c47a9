package framework

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/wire"
)

// Reason says who caused one thing that a plan asks for, or does not ask for.
type Reason struct {
	// Bit is the C name of an action, of a protocol bit, or of a macro
	// stage and the macro.
	Bit string `json:"bit"`
	// Asked tells whether the plan asks for the bit.
	Asked bool `json:"asked"`
	// Cause says why: the method that was called, or that nothing needs
	// it.
	Cause string `json:"cause"`
	// Filter is the lane that caused it, where one did.
	Filter string `json:"filter,omitempty"`
	// Where is the file and line that caused it, where one did.
	Where string `json:"where,omitempty"`
	// Optional tells that an MTA which does not offer it is served all the
	// same, though the plan asks for it: an action that no filter requires.
	Optional bool `json:"optional,omitempty"`
}

// Explain writes the plan as a table for people: every bit once, whether it is
// asked for, and who caused that where. A bit with several causes goes on over
// several lines.
func (p *Plan) Explain(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	last := ""
	for _, r := range p.Reasons {
		by := r.Cause
		if r.Filter != "" {
			by += " by " + r.Filter + " at " + r.Where
		}
		mark, bit := lo.Ternary(r.Asked, "+", "-"), r.Bit
		if mark+bit == last {
			mark, bit = "", ""
		} else {
			last = mark + bit
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", mark, bit, by)
	}
	return t.Flush()
}

// String returns what Explain writes.
func (p *Plan) String() string {
	var b strings.Builder
	_ = p.Explain(&b)
	return b.String()
}

// explainer derives the bits of a plan, each with its reason.
type explainer struct {
	plan   *Plan
	lanes  []*laneSpec
	routes []folded
	own    []ownMacro
}

func (e *explainer) explain() {
	e.own = ownMacros(e.lanes)
	e.plan.Macros = macroLists(e.lanes, e.own)
	e.actions()
	for stage := range numStages {
		if no, nr := stage.switches(); no != 0 {
			e.stage(stage, no, nr)
		}
	}
	e.extras()
	e.macros()
}

// add enters a reason once: two middlewares of one handler may want the same.
func (e *explainer) add(r Reason) {
	if !slices.Contains(e.plan.Reasons, r) {
		e.plan.Reasons = append(e.plan.Reasons, r)
	}
}

func (e *explainer) actions() {
	for _, lane := range e.lanes {
		for _, g := range lane.grants {
			cause := g.method
			if g.optional {
				e.plan.Optional |= g.action
				cause += " (optional)"
			} else {
				e.plan.Actions |= g.action
			}
			for _, name := range g.action.Names() {
				e.add(Reason{name, true, cause, lane.name, g.where, g.optional})
			}
		}
		for _, m := range lane.macros {
			if e.plan.Optional.Has(wire.ActionSetSymList) {
				break // the first will do: each macro has a reason of its own below
			}
			e.plan.Optional |= wire.ActionSetSymList
			e.add(Reason{wire.ActionSetSymList.String(), true, m.cause(), m.by.filter, m.by.where, true})
		}
	}
	e.plan.Optional &^= e.plan.Actions
}

// stage decides whether a stage is sent and whether its answer is awaited.
func (e *explainer) stage(stage Stage, no, nr wire.Protocol) {
	openers := e.openers(stage)
	if len(openers) == 0 {
		e.plan.Protocol |= no
		e.add(Reason{Bit: no.String(), Asked: true, Cause: "nothing needs the stage " + stage.String()})
		return
	}
	e.each(no, false, openers)
	answering := lo.Filter(openers, func(o opener, _ int) bool { return o.answers })
	if len(answering) == 0 {
		e.plan.Protocol |= nr
		e.each(nr, true, openers)
		return
	}
	e.each(nr, false, answering)
}

func (e *explainer) each(bit wire.Protocol, asked bool, openers []opener) {
	for _, o := range openers {
		e.add(Reason{bit.String(), asked, o.cause, o.filter, o.where, false})
	}
}

// opener is something that keeps a stage open.
type opener struct {
	cause, filter, where string
	answers              bool
}

func (e *explainer) openers(stage Stage) []opener {
	var list []opener
	for _, f := range e.routes {
		if f.stage == stage {
			list = append(list, opener{f.method, f.lane.name, f.where, f.Route.answers})
		}
	}
	for i, lane := range e.lanes {
		for _, m := range lane.macros {
			if m.stage == stage {
				list = append(list, opener{m.cause(), m.by.filter, m.by.where, false})
			}
		}
		for _, w := range lane.kept {
			if w.opens(stage) {
				list = append(list, opener{w.by.method, w.by.filter, w.by.where, false})
			}
		}
		if stage == StageHeader && needsBook(lane, e.before(i)) {
			list = append(list, changers(lane)...)
		}
	}
	return list
}

// cause says what asked for the macro.
func (m macroSpec) cause() string { return fmt.Sprintf("%s(%s)", m.by.method, spelled(m.name)) }

func (w wantSpec) opens(stage Stage) bool {
	switch w.kind {
	case wantEnvelope:
		return stage == StageMail || stage == StageRcpt
	case wantHeaders:
		return stage == StageHeader
	case wantBody:
		return stage == StageBody
	case wantClient:
		return stage == StageConnect
	case wantHelo:
		return stage == StageHelo
	case wantRawHeaders:
	}
	return false
}

func (e *explainer) before(i int) (a wire.Actions) {
	for _, l := range e.lanes[:i] {
		if !l.policy.dryRun {
			a |= l.actions()
		}
	}
	return a
}

func changers(lane *laneSpec) []opener {
	var list []opener
	for _, g := range lane.grants {
		if g.action&wire.ActionChgHdrs != 0 {
			list = append(list, opener{g.method + " after a filter that edits the header", lane.name, g.where, false})
		}
	}
	return list
}

// extras are the protocol bits that belong to no stage.
func (e *explainer) extras() {
	for _, f := range e.routes {
		switch {
		case f.stage == StageBody && f.Route.answers:
			e.wish(wire.ProtoSkip, f.method, f.lane.name, f.where)
		case f.rejected:
			e.wish(wire.ProtoRcptRej, f.method, f.lane.name, f.where)
		}
	}
	for _, lane := range e.lanes {
		for _, w := range lane.kept {
			switch w.kind {
			case wantRawHeaders:
				e.wish(wire.ProtoHdrLeadSpc, w.by.method, w.by.filter, w.by.where)
			case wantHeaders:
				e.plan.record = true
			case wantEnvelope:
				e.plan.envelope = true
			case wantClient:
				e.plan.client = true
			case wantBody, wantHelo: // see Plan.link, registry.helo
			}
		}
	}
}

func (e *explainer) wish(bit wire.Protocol, cause, filter, where string) {
	e.plan.Protocol |= bit
	e.add(Reason{bit.String(), true, cause, filter, where, false})
}

func (e *explainer) macros() {
	for _, lane := range e.lanes {
		for _, m := range lane.macros {
			e.add(Reason{m.list.String() + " " + spelled(m.name), true, m.by.method, m.by.filter, m.by.where, true})
		}
	}
	for _, m := range e.own {
		e.add(Reason{Bit: strings.TrimSpace(m.list.String() + " " + m.name), Asked: true, Optional: true, Cause: m.cause})
	}
}
