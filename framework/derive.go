package framework

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/wire"
)

// deriver derives the bits of a plan, and the reasons for each bit, from the
// registrations.
type deriver struct {
	plan   *Plan
	lanes  []*laneSpec
	routes []wrappedRoute
}

func (d *deriver) derive() {
	own := d.ownMacros()
	d.plan.Macros = macroLists(d.lanes, own)
	d.actions()
	d.symbolList(own)
	for stage := range numStages {
		if no, nr := stage.switches(); no != 0 {
			d.stage(stage, no, nr)
		}
	}
	d.extras()
	d.macroReasons(own)
}

func (d *deriver) actions() {
	for _, lane := range d.lanes {
		for _, g := range lane.grants {
			cause := g.method
			if g.optional {
				d.plan.Optional |= g.action
				cause += " (optional)"
			} else {
				d.plan.Actions |= g.action
			}
			for _, name := range g.action.Names() {
				d.plan.addReason(Reason{name, true, cause, lane.name, g.where, g.optional})
			}
		}
		// One macro suffices as the reason for the action. macroReasons adds a
		// reason for each macro.
		if len(lane.macros) > 0 && !d.plan.Optional.Has(wire.ActionSetSymList) {
			m := lane.macros[0]
			d.plan.Optional |= wire.ActionSetSymList
			d.plan.addReason(Reason{wire.ActionSetSymList.String(), true, m.cause(), m.by.filter, m.by.where, true})
		}
	}
	d.plan.Optional &^= d.plan.Actions
}

// symbolList requests the action that macros of the framework need, unless macros of the
// filters have requested it.
func (d *deriver) symbolList(own []ownMacro) {
	if len(own) > 0 && !d.plan.Optional.Has(wire.ActionSetSymList) {
		d.plan.Optional |= wire.ActionSetSymList
		d.plan.addReason(Reason{Bit: wire.ActionSetSymList.String(), Asked: true, Optional: true, Cause: "to recognise the MTA by its macros"})
	}
}

// needsKind reports whether the session must know the MTA's software, because filters edit
// the header, whose fields each MTA counts in its way, or answer before the end of the
// message, where only Postfix takes progress replies.
func (d *deriver) needsKind() bool {
	const header = wire.ActionAddHdrs | wire.ActionChgHdrs
	return lo.ContainsBy(d.routes, func(r wrappedRoute) bool {
		return r.Route.answers && r.stage != StageEndOfMessage
	}) || lo.ContainsBy(d.lanes, func(l *laneSpec) bool {
		return lo.ContainsBy(l.grants, func(g grantSpec) bool { return g.action&header != 0 })
	})
}

// stage decides whether the MTA sends a stage and whether it waits for the answer.
func (d *deriver) stage(stage Stage, no, nr wire.Protocol) {
	openers := d.openers(stage)
	if len(openers) == 0 {
		d.plan.Protocol |= no
		d.plan.addReason(Reason{Bit: no.String(), Asked: true, Cause: "nothing needs the stage " + stage.String()})
		return
	}
	d.addReasons(no, false, openers)
	answering := lo.Filter(openers, func(o opener, _ int) bool { return o.answers })
	if len(answering) == 0 {
		d.plan.Protocol |= nr
		d.addReasons(nr, true, openers)
		return
	}
	d.addReasons(nr, false, answering)
}

func (d *deriver) addReasons(bit wire.Protocol, asked bool, openers []opener) {
	for _, o := range openers {
		d.plan.addReason(Reason{bit.String(), asked, o.by.method, o.by.filter, o.by.where, false})
	}
}

// opener is something that needs a stage.
type opener struct {
	by      asker
	answers bool
}

func (d *deriver) openers(stage Stage) []opener {
	var list []opener
	for _, r := range d.routes {
		if r.stage == stage {
			list = append(list, opener{asker{r.method, r.where, r.lane.name}, r.Route.answers})
		}
	}
	for _, lane := range d.lanes {
		for _, m := range lane.macros {
			if m.stage == stage {
				list = append(list, opener{asker{m.cause(), m.by.where, m.by.filter}, false})
			}
		}
		for _, w := range lane.wants {
			if w.opens(stage) {
				list = append(list, opener{w.by, false})
			}
		}
		for _, g := range lane.grants {
			if g.opens(stage) {
				list = append(list, opener{asker{g.method, g.where, lane.name}, false})
			}
		}
	}
	return list
}

// cause returns the method that requested the macro, with the macro's name.
func (m *macroSpec) cause() string { return fmt.Sprintf("%s(%s)", m.by.method, spelled(m.name)) }

// extras derives the protocol bits that belong to no stage.
func (d *deriver) extras() {
	for _, r := range d.routes {
		by := asker{r.method, r.where, r.lane.name}
		switch {
		case r.before:
			d.plan.addReason(Reason{wire.CmdBodyEOB.String(), true, by.method, by.filter, by.where, false})
		case r.stage == StageBody && r.Route.answers:
			d.wish(wire.ProtoSkip, by)
		case r.rejected:
			d.wish(wire.ProtoRcptRej, by)
		}
	}
	for _, lane := range d.lanes {
		for _, w := range lane.wants {
			if w.kind == wantRawHeaders || w.kind == wantMessage {
				d.wish(wire.ProtoHdrLeadSpc, w.by)
			}
		}
	}
}

func (d *deriver) wish(bit wire.Protocol, by asker) {
	d.plan.Protocol |= bit
	d.plan.addReason(Reason{bit.String(), true, by.method, by.filter, by.where, false})
}

func (d *deriver) macroReasons(own []ownMacro) {
	for _, lane := range d.lanes {
		for _, m := range lane.macros {
			d.plan.addReason(Reason{m.list.String() + " " + spelled(m.name), true, m.by.method, m.by.filter, m.by.where, true})
		}
	}
	for _, m := range own {
		d.plan.addReason(Reason{Bit: strings.TrimSpace(m.list.String() + " " + m.name), Asked: true, Optional: true, Cause: m.cause})
	}
}

// noMacros is a list that makes the MTA send no macros. For an empty list Postfix sends
// its defaults.
const noMacros = " "

// ownMacro is a macro that the framework itself requests. This is necessary because a
// list that filters request replaces the MTA's default list.
type ownMacro struct {
	list  wire.MacroStage
	name  string
	cause string
}

// ownMacros returns the macros that the framework adds to those that filters request.
// The macros of CONNECT show which MTA it is: see recognition. The default lists do not
// show it reliably, because administrators can change them.
// Sendmail uses a list for the end of the message only if there is also a list for the end
// of the headers. If there is a list only for the end of the headers, Sendmail sends no
// macros at the end of the message.
func (d *deriver) ownMacros() (own []ownMacro) {
	chosen := func(list wire.MacroStage) bool {
		return lo.ContainsBy(d.lanes, func(l *laneSpec) bool {
			return lo.ContainsBy(l.macros, func(m macroSpec) bool { return m.list == list })
		})
	}
	if chosen(wire.MacroConnect) || d.needsKind() {
		own = append(own,
			ownMacro{wire.MacroConnect, sendmailTime, "to recognise Sendmail, which has it"},
			ownMacro{wire.MacroConnect, "v", "to recognise Postfix, which names itself"},
		)
	}
	switch eoh, eom := chosen(wire.MacroEOH), chosen(wire.MacroEOM); {
	case eom && !eoh:
		own = append(own, ownMacro{wire.MacroEOH, noMacros, "no macros; Sendmail takes SMFIM_EOM beside it alone"})
	case eoh && !eom:
		own = append(own, ownMacro{wire.MacroEOM, "i", "for the log; Sendmail sends none here when SMFIM_EOH was chosen alone"})
	}
	return own
}

// macroLists joins the macros of all lanes into one list for each stage. The names are
// sorted, so that a plan is the same in every run.
func macroLists(lanes []*laneSpec, own []ownMacro) []wire.MacroList {
	names := make(map[wire.MacroStage][]string)
	for _, l := range lanes {
		for _, m := range l.macros {
			names[m.list] = append(names[m.list], spelled(m.name))
		}
	}
	for _, m := range own {
		names[m.list] = append(names[m.list], m.name)
	}
	lists := lo.MapToSlice(names, func(stage wire.MacroStage, names []string) wire.MacroList {
		slices.Sort(names)
		return wire.MacroList{Stage: stage, Names: strings.Join(slices.Compact(names), " ")}
	})
	slices.SortFunc(lists, func(a, b wire.MacroList) int { return cmp.Compare(a.Stage, b.Stage) })
	return lists
}
