package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// Orders are what the filter does.
type Orders struct {
	// Verdict is given at the stage At.
	Verdict framework.Verdict
	At      framework.Stage

	// Add and Delete are recipients, deleted after others were added.
	Add, Delete []string
	// Sender is the new sender, its ESMTP arguments behind it; "" keeps the
	// old one.
	Sender string
	// BodyFile is the file that holds the new body; "" keeps the old one. It
	// is read for each message.
	BodyFile string
	// Change and Insert are edits of the header, or nil. The insertion comes
	// first.
	Change, Insert *Field

	// Macros are asked for at MacroStage and printed there.
	Macros     []string
	MacroStage framework.Stage
	// Unsent and Unanswered are the stages that the MTA is not to send, or
	// need not wait at.
	Unsent, Unanswered []framework.Stage
	// RawHeaders leaves the space after the colon in header values.
	RawHeaders bool
	// Rejected has the MTA show the recipients that it refused.
	Rejected bool

	// Verbose prints the body.
	Verbose bool
	// Connections is how many sessions to serve; 0 is any number.
	Connections int
}

// verdict reads -a and -c.
func (f *flags) verdict(o *Orders) (err error) {
	var ok bool
	if o.At, ok = stageNamed(f.stage, "connect"); !ok {
		return fmt.Errorf("-c: %q is no stage", f.stage)
	}
	if f.action == "" {
		return nil
	}
	if o.Verdict, err = parseAction(f.action); err != nil {
		return fmt.Errorf("-a: %w", err)
	}
	switch session := []framework.Stage{framework.StageConnect, framework.StageHelo, framework.StageUnknown}; {
	case o.Verdict == framework.SkipBody && o.At != framework.StageBody:
		return errors.New("-a: skip can be said at -c body alone")
	case o.Verdict == framework.Discard && slices.Contains(session, o.At):
		return errors.New("-a: discard is about a message, and there is none at -c " + f.stage)
	}
	return nil
}

// stages reads -n, -N, -m and -M.
func (f *flags) stages(o *Orders) error {
	for _, names := range []struct {
		flag string
		from list
		to   *[]framework.Stage
	}{{"-n", f.unsent, &o.Unsent}, {"-N", f.unanswered, &o.Unanswered}} {
		for _, name := range names.from {
			stage, ok := stageNamed(name, "")
			if !ok || !canBeLeftOut(stage) {
				return fmt.Errorf("%s: %q is no stage that can be left out", names.flag, name)
			}
			*names.to = append(*names.to, stage)
		}
	}
	if o.Verdict != framework.Continue && slices.Contains(slices.Concat(o.Unsent, o.Unanswered), o.At) {
		return errors.New("-a: -n or -N leaves nothing to answer at that stage")
	}
	if o.Rejected && slices.Contains(o.Unsent, framework.StageRcpt) {
		return errors.New("-r: -n rcpt leaves no recipients to be shown")
	}
	var ok bool
	if o.MacroStage, ok = stageNamed(f.macroStage, ""); !ok || !hasMacros(o.MacroStage) {
		return fmt.Errorf("-m: %q is no stage with macros of its own", f.macroStage)
	}
	o.Macros = strings.Fields(f.macros)
	return nil
}

// readable tells at the start, rather than at the first message, that there is
// no such file.
func (f *flags) readable() error {
	if f.body == "" {
		return nil
	}
	file, err := os.Open(f.body)
	if err != nil {
		return fmt.Errorf("-b: %w", err)
	}
	return file.Close()
}
