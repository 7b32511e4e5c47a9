package headers

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// needs lists what the rules need from the MTA.
type needs struct {
	edits                                  // that rules require
	wishes                           edits // of rules that are optional
	connect, helo, envelope, headers bool
	body, parts                      bool // the body, and its parts
	macros                           map[macro]bool
}

// edits are kinds of modifications.
type edits struct{ add, beside, change, rename, quarantine bool }

// join adds other kinds.
func (e *edits) join(o edits) {
	*e = edits{e.add || o.add, e.beside || o.beside, e.change || o.change, e.rename || o.rename, e.quarantine || o.quarantine}
}

// actions returns what an MTA must allow. For the MTA a rename is an addition and a change.
func (e edits) actions() (a wire.Actions) {
	if e.add || e.beside || e.rename {
		a |= wire.ActionAddHdrs
	}
	if e.change || e.rename {
		a |= wire.ActionChgHdrs
	}
	if e.quarantine {
		a |= wire.ActionQuarantine
	}
	return a
}

// missing describes the kinds that are not in have.
func (e edits) missing(have edits, what string) (list []string) {
	for _, w := range []struct {
		want, have bool
		name       string
	}{
		{e.add || e.rename, have.add || have.rename, "permission to add fields"},
		{e.beside, have.beside, "permission to insert fields beside others"},
		{e.change || e.rename, have.change || have.rename, "permission to change fields"},
		{e.quarantine, have.quarantine, "permission to quarantine"},
	} {
		if w.want && !w.have {
			list = append(list, w.name+what)
		}
	}
	return list
}

type macro struct {
	stage framework.Stage
	name  string
}

// wantParts requests the parts of the message.
func (n *needs) wantParts() { n.headers, n.body, n.parts = true, true, true }

// missing describes the needs that are not in have.
func (n needs) missing(have needs) []string {
	var list []string
	for _, w := range []struct {
		want, have bool
		name       string
	}{
		{n.connect, have.connect, "the stage connect"},
		{n.helo, have.helo, "the stage helo"},
		{n.envelope, have.envelope, "the envelope"},
		{n.headers, have.headers, "the header"},
		{n.body, have.body, "the body"},
		{n.parts, have.parts, "the parts of the body"},
	} {
		if w.want && !w.have {
			list = append(list, w.name)
		}
	}
	list = append(list, n.edits.missing(have.edits, "")...)
	asked := have.edits
	asked.join(have.wishes)
	list = append(list, n.wishes.missing(asked, ", as a wish")...)
	for _, m := range sorted(n.macros) {
		if !have.macros[m] {
			list = append(list, fmt.Sprintf("the macro %s at %v", m.name, m.stage))
		}
	}
	return list
}

func sorted(macros map[macro]bool) []macro {
	return slices.SortedFunc(maps.Keys(macros), func(a, b macro) int {
		return cmp.Or(cmp.Compare(a.stage, b.stage), cmp.Compare(a.name, b.name))
	})
}

// checkMacro checks the name of a macro, given without braces.
func checkMacro(name string) error {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("{},", r) }) {
		return fmt.Errorf("%q is not a valid macro name", name)
	}
	return nil
}

// macroStages returns the stages at which MTAs send macros.
func macroStages() []framework.Stage {
	return []framework.Stage{
		framework.StageConnect, framework.StageHelo, framework.StageMail, framework.StageRcpt,
		framework.StageData, framework.StageEndOfHeaders, framework.StageEndOfMessage,
	}
}

func stageOf(name string) (framework.Stage, bool) {
	for _, s := range macroStages() {
		if s.String() == name {
			return s, true
		}
	}
	return 0, false
}

// unknownStage returns the error for a stage that does not exist or has no macros.
func unknownStage(name string) error {
	var names []string
	for _, s := range macroStages() {
		names = append(names, s.String())
	}
	return fmt.Errorf("%.60q is not a stage with macros%s; want %s", name, didYouMean(name, names), strings.Join(names, ", "))
}

func macroName(name string) string { return strings.TrimSuffix(strings.TrimPrefix(name, "{"), "}") }

// knownStage returns the first stage at which MTAs send a well-known macro. The
// queue ID is requested at the end of the message, where the rules are applied.
func knownStage(name string) (framework.Stage, bool) {
	if name == "i" {
		return framework.StageEndOfMessage, true
	}
	return framework.StageOfMacro(name)
}

// ErrNeedsMore is the error that [NeedsMoreError] matches: the rules need more
// from the MTA than the filter has negotiated. See [Reloadable.Reload].
var ErrNeedsMore = errors.New("headers: the rules need more than was negotiated")

// NeedsMoreError is the error of [Reloadable.Reload] if the new rules need more
// from the MTA than the filter has negotiated.
type NeedsMoreError struct {
	// Missing describes the additional needs of the new rules.
	Missing []string
}

// Error implements error.
func (e *NeedsMoreError) Error() string {
	return "headers: the new rules need more than was negotiated: " + strings.Join(e.Missing, ", ")
}

// Is reports whether the target is [ErrNeedsMore].
func (*NeedsMoreError) Is(target error) bool { return target == ErrNeedsMore }
