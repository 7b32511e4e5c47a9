package framework

import (
	"cmp"
	"slices"
	"strings"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/wire"
)

// noMacros is the list that has the MTA send no macros. An empty one would have
// Postfix send what it sends by default.
const noMacros = " "

// ownMacro is a macro that the framework asks for by itself, because choosing
// the macros of one stage takes away what it reads.
type ownMacro struct {
	list  wire.MacroStage
	name  string
	cause string
}

// ownMacros returns what goes beside the macros that were chosen. Postfix says
// what it is by the macro v, which comes by itself unless the list of that
// stage was chosen. Sendmail looks at the list for the end of the message only
// where there is one for the end of the headers, and sends nothing at the end of
// the message where only the latter was chosen.
func ownMacros(lanes []*laneSpec) (own []ownMacro) {
	chosen := func(list wire.MacroStage) bool {
		return lo.ContainsBy(lanes, func(l *laneSpec) bool {
			return lo.ContainsBy(l.macros, func(m macroSpec) bool { return m.list == list })
		})
	}
	if chosen(wire.MacroConnect) {
		own = append(own, ownMacro{wire.MacroConnect, "v", "to tell Postfix from others, for the macros of this stage were chosen"})
	}
	switch eoh, eom := chosen(wire.MacroEOH), chosen(wire.MacroEOM); {
	case eom && !eoh:
		own = append(own, ownMacro{wire.MacroEOH, noMacros, "no macros; Sendmail takes SMFIM_EOM beside it alone"})
	case eoh && !eom:
		own = append(own, ownMacro{wire.MacroEOM, "i", "for the log; Sendmail sends none here when SMFIM_EOH was chosen alone"})
	}
	return own
}

// macroLists joins the lanes' wishes into one list for each stage. Names are
// sorted, so that a plan is the same from run to run.
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
