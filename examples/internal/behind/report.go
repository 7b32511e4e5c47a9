package behind

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// Need is a part of a configuration that needs actions of the server.
type Need struct {
	// Filter is the name of the filter in the plan.
	Filter string
	// Where is the place in the configuration, such as "rules.yaml:12".
	Where string
	// What names the part, such as "rule 2 (tag): Prefix".
	What string
	// Actions are what it needs.
	Actions wire.Actions
	// Optional says that the filter works without. Without then says what does not happen,
	// such as "the rule is skipped".
	Optional bool
	Without  string
}

// ErrCannotWork is the error of [Report] if the server lacks what a filter requires.
var ErrCannotWork = errors.New("the server does not grant what the configuration requires")

// Report writes what becomes of the filters of a plan behind a server. needs are the parts of
// the configuration; the code that asked stands for those of a filter that has none. The error
// wraps [ErrCannotWork] if a filter requires an action that the server lacks.
func Report(w io.Writer, plan *framework.Plan, s *Server, needs []Need) error {
	r := report{plan: plan, server: s, needs: needs}
	r.line("behind %s:", s.Title)
	lacking := plan.Lacking(s.Offer.Actions)
	r.required(lacking)
	r.wishes()
	r.stages()
	r.macros()
	if len(r.lines) == 1 {
		r.line("  grants and sends all that the configuration asks for")
	}
	r.habits()
	if _, err := io.WriteString(w, strings.Join(r.lines, "")); err != nil {
		return err
	}
	if len(lacking) > 0 {
		return fmt.Errorf("behind %s: %w: %s", s.Title, ErrCannotWork, outcome(lacking))
	}
	return nil
}

// outcome says what becomes of mail.
func outcome(lacking []framework.Lack) string {
	for _, l := range lacking {
		if l.Refusal != framework.Continue {
			return "all mail is refused with " + strings.TrimPrefix(l.Refusal.String(), "reply ")
		}
	}
	names := lo.Map(lacking, func(l framework.Lack, _ int) string { return l.Filter })
	return "mail passes without " + strings.Join(names, ", ")
}

type report struct {
	plan   *framework.Plan
	server *Server
	needs  []Need
	lines  []string
}

// line adds a line, of which a terminal shows all.
func (r *report) line(format string, args ...any) {
	r.lines = append(r.lines, cli.PrintableLine(fmt.Sprintf(format, args...))+"\n")
}

// required writes the actions that filters require and the server lacks.
func (r *report) required(lacking []framework.Lack) {
	for _, l := range lacking {
		then := "mail passes without the filter"
		if l.Refusal != framework.Continue {
			then = "mail is refused"
		}
		r.line("  filter %s cannot work: %s", l.Filter, then)
		for _, n := range r.of(l.Filter) {
			if missing := n.Actions & l.Missing; missing != 0 && !n.Optional {
				r.line("    %s: %s needs to %s (%v)", n.Where, n.What, inWords(missing), missing)
			}
		}
	}
}

// wishes writes what the filters can do without, and what then does not happen.
func (r *report) wishes() {
	for _, n := range r.all() {
		if missing := n.Actions &^ r.server.Offer.Actions; n.Optional && missing != 0 {
			r.line("  %s: %s cannot %s (%v): %s", n.Where, n.What, inWords(missing), missing, n.Without)
		}
	}
}

// of returns what a filter needs: the parts of the configuration, or else the calls that asked.
func (r *report) of(filter string) []Need {
	list := lo.Filter(r.needs, func(n Need, _ int) bool { return n.Filter == filter })
	if len(list) > 0 {
		return list
	}
	return lo.Filter(OfPlan(r.plan), func(n Need, _ int) bool { return n.Filter == filter })
}

// all returns the needs of all filters, in the order of the plan.
func (r *report) all() (list []Need) {
	var seen []string
	for _, reason := range r.plan.Reasons {
		if action(reason.Bit) != 0 && reason.Filter != "" && !slices.Contains(seen, reason.Filter) {
			seen = append(seen, reason.Filter)
			list = append(list, r.of(reason.Filter)...)
		}
	}
	return list
}

// stages writes the stages that filters need and that never come.
func (r *report) stages() {
	for _, stage := range r.server.Unsent {
		var by []string
		for _, reason := range r.plan.Reasons {
			if reason.Bit == omits(stage) && !reason.Asked {
				by = append(by, fmt.Sprintf("%s by %s at %s", reason.Cause, reason.Filter, reason.Where))
			}
		}
		if len(by) > 0 {
			r.line("  the stage %v never comes: %s", stage, strings.Join(lo.Uniq(by), "; "))
		}
	}
}

// omits returns the C name of the bit that leaves a stage out.
func omits(stage framework.Stage) string {
	if stage == framework.StageData {
		return wire.ProtoNoData.String()
	}
	return wire.ProtoNoUnknown.String()
}

// macros writes the macros that filters ask for and that never come.
func (r *report) macros() {
	var names []string
	by := make(map[string][]string)
	for _, reason := range r.plan.Reasons {
		list, name, ok := strings.Cut(reason.Bit, " ")
		if !ok || reason.Filter == "" || !strings.HasPrefix(list, "SMFIM_") || r.server.has(name) {
			continue
		}
		if by[name] == nil {
			names = append(names, name)
		}
		by[name] = append(by[name], reason.Filter)
	}
	for _, name := range names {
		r.line("  the macro %s never comes: asked for by %s", name, strings.Join(lo.Uniq(by[name]), ", "))
	}
}

// habits writes the ways of the server, without those that do not concern the plan.
func (r *report) habits() {
	for _, h := range r.server.Habits {
		if h.Concerns&^r.plan.Protocol != 0 || h.Action&^r.plan.Actions != 0 {
			continue
		}
		text := h.Cell
		if h.Meaning != "" {
			text += "; " + h.Meaning
		}
		r.line("  %s: %s", h.Row, text)
	}
}

// action returns the modification with a C name, or 0.
func action(name string) wire.Actions {
	for _, a := range actions() {
		if a.bit.String() == name {
			return a.bit
		}
	}
	return 0
}

// inWords says what actions allow.
func inWords(a wire.Actions) string {
	var words []string
	for _, one := range actions() {
		if a.Has(one.bit) {
			words = append(words, one.words)
		}
	}
	return strings.Join(words, ", ")
}

type namedAction struct {
	bit   wire.Actions
	words string
}

func actions() []namedAction {
	return []namedAction{
		{wire.ActionAddHdrs, "add fields"},
		{wire.ActionChgHdrs, "change and delete fields"},
		{wire.ActionChgBody, "replace the body"},
		{wire.ActionAddRcpt, "add recipients"},
		{wire.ActionAddRcptPar, "add recipients with arguments"},
		{wire.ActionDelRcpt, "delete recipients"},
		{wire.ActionChgFrom, "change the sender"},
		{wire.ActionQuarantine, "quarantine"},
	}
}
