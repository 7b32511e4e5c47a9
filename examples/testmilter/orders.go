package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/examples/testmilter/filter"
	"github.com/sluicemail/sluice/framework"
)

// verdict sets the orders that -a and -c describe.
func (f *flags) verdict(o *filter.Orders) (err error) {
	var ok bool
	if o.At, ok = stageNamed(f.stage, "connect"); !ok {
		return fmt.Errorf("-c: %q is not a stage", f.stage)
	}
	if f.action == "" {
		return nil
	}
	if o.Verdict, err = parseAction(f.action); err != nil {
		return fmt.Errorf("-a: %w", err)
	}
	switch session := []framework.Stage{framework.StageConnect, framework.StageHelo, framework.StageUnknown}; {
	case o.Verdict == framework.SkipBody && o.At != framework.StageBody:
		return errors.New("-a: skip needs -c body")
	case o.Verdict == framework.Discard && slices.Contains(session, o.At):
		return errors.New("-a: discard needs a message, and there is none at -c " + f.stage)
	}
	return nil
}

// stages sets the orders that -n, -N, -m and -M describe.
func (f *flags) stages(o *filter.Orders) error {
	for _, names := range []struct {
		flag string
		from list
		to   *[]framework.Stage
	}{{"-n", f.unsent, &o.Unsent}, {"-N", f.unanswered, &o.Unanswered}} {
		for _, name := range names.from {
			stage, ok := stageNamed(name, "")
			if !ok || !isOptional(stage) {
				return fmt.Errorf("%s: %q is not a stage that can be left out", names.flag, name)
			}
			*names.to = append(*names.to, stage)
		}
	}
	if o.Verdict != framework.Continue && slices.Contains(slices.Concat(o.Unsent, o.Unanswered), o.At) {
		return errors.New("-a: -n or -N disables the reply at that stage")
	}
	if o.Rejected && slices.Contains(o.Unsent, framework.StageRcpt) {
		return errors.New("-r: -n rcpt disables all recipients")
	}
	var ok bool
	if o.MacroStage, ok = stageNamed(f.macroStage, ""); !ok || !hasMacros(o.MacroStage) {
		return fmt.Errorf("-m: %q is not a stage with macros", f.macroStage)
	}
	o.Macros = strings.Fields(f.macros)
	return nil
}

// checkBodyFile returns an error if the file of -b cannot be opened, so that the
// program fails at the start and not at the first message.
func (f *flags) checkBodyFile() error {
	if f.body == "" {
		return nil
	}
	file, err := os.Open(f.body)
	if err != nil {
		return fmt.Errorf("-b: %w", err)
	}
	return file.Close()
}
