package headers

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// compiler compiles a configuration into an engine. It collects the mistakes
// and the needs of the rules.
type compiler struct {
	names  map[string]nameID // the field names that rules use, in lower case
	needs  needs
	stages map[string]framework.Stage // of the macros that the configuration lists
	path   []string
	at     []place
	keep   *bool // whether the current rule uses the matches of its patterns
	errs   []error
}

// A test reports whether a condition holds. A step performs an action.
type (
	test func(r *run) bool
	step func(r *run) (framework.Verdict, error)
)

// rule is a compiled rule.
type rule struct {
	name string
	when test // nil always holds
	do   []step
	last bool
}

// compile checks and compiles a configuration.
func compile(cfg Config) (*engine, error) {
	c := &compiler{names: make(map[string]nameID), stages: make(map[string]framework.Stage)}
	c.declareMacros(cfg.Macros)
	e := &engine{}
	for i := range cfg.Rules {
		e.rules = append(e.rules, c.rule(i, &cfg.Rules[i]))
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	e.names, e.needs = c.names, c.needs
	return e, nil
}

func (c *compiler) rule(i int, from *Rule) rule {
	r := rule{name: from.Name, last: from.Last}
	path := fmt.Sprintf("rule %d", i+1)
	if r.name == "" {
		r.name = path
	} else {
		path += " (" + r.name + ")"
	}
	c.keep = new(bool)
	defer c.scope(path, from.at)()
	if from.When != nil {
		r.when = c.condition(from.When)
	}
	if len(from.Do) == 0 {
		c.fail("do", errors.New("the rule has no actions"))
	}
	for _, a := range from.Do {
		r.do = append(r.do, c.action(a))
	}
	return r
}

func (c *compiler) condition(cond Condition) test {
	if cond == nil {
		c.fail("", errors.New("the condition is nil"))
		return nil
	}
	if l, ok := cond.(locatedCondition); ok {
		defer c.scope("", l.at)()
		cond = l.Condition
	}
	defer c.scope(typeName(cond), place{})()
	return cond.compile(c)
}

func (c *compiler) action(a Action) step {
	if a == nil {
		c.fail("", errors.New("the action is nil"))
		return nil
	}
	if l, ok := a.(locatedAction); ok {
		defer c.scope("", l.at)()
		a = l.Action
	}
	defer c.scope(typeName(a), place{})()
	return a.compile(c)
}

// locatedCondition and locatedAction are a condition and an action of a file,
// with their places in it.
type (
	locatedCondition struct {
		Condition
		at place
	}
	locatedAction struct {
		Action
		at place
	}
)

func typeName(v any) string {
	kind := fmt.Sprintf("%T", v)
	return kind[strings.LastIndexByte(kind, '.')+1:]
}

// scope sets the name and the place under which later mistakes are reported.
// The returned function restores the previous ones.
func (c *compiler) scope(name string, at place) (leave func()) {
	path, places := c.path, c.at
	if name != "" {
		c.path = append(slices.Clip(path), name)
	}
	if at.line > 0 {
		c.at = append(slices.Clip(places), at)
	}
	return func() { c.path, c.at = path, places }
}

// fail records a mistake in a field of the current rule, condition or action.
func (c *compiler) fail(field string, err error) {
	path := c.path
	if field != "" {
		path = append(slices.Clip(path), field)
	}
	e := &ConfigError{Path: strings.Join(path, ": "), Err: err}
	if len(c.at) > 0 {
		at := c.at[len(c.at)-1].of(field)
		e.File, e.Line, e.Column = at.file, at.line, at.column
	}
	c.errs = append(c.errs, e)
}

// failItem records a mistake in an item of a list.
func (c *compiler) failItem(field string, i int, err error) {
	c.fail(item(field, i), err)
}

func item(field string, i int) string { return field + "/" + strconv.Itoa(i+1) }

// declareMacros records the stages of the macros that the configuration lists.
func (c *compiler) declareMacros(macros map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(macros)) {
		stage, ok := stageOf(macros[name])
		if !ok {
			c.fail("Macros", fmt.Errorf("%q: %q is not a stage with macros", name, macros[name]))
			continue
		}
		if err := checkMacro(macroName(name)); err != nil {
			c.fail("Macros", err)
		}
		if _, twice := c.stages[macroName(name)]; twice {
			c.fail("Macros", fmt.Errorf("duplicate macro %q, with and without braces", macroName(name)))
		}
		c.stages[macroName(name)] = stage
	}
}

// macro requests a macro at its stage.
func (c *compiler) macro(name string) (macro, error) {
	name = macroName(name)
	if err := checkMacro(name); err != nil {
		return macro{}, err
	}
	stage, ok := c.stages[name]
	if !ok {
		stage, ok = knownStage(name)
	}
	if !ok {
		return macro{}, fmt.Errorf("unknown stage of the macro %q; list the macro under macros", name)
	}
	m := macro{stage, name}
	if c.needs.macros == nil {
		c.needs.macros = make(map[macro]bool)
	}
	c.needs.macros[m] = true
	return m, nil
}

// pattern compiles a regular expression. It returns nil for "".
func (c *compiler) pattern(field, text string) *regexp.Regexp {
	if text == "" {
		return nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		c.fail(field, err)
	}
	return re
}

// requiredPattern is like pattern, but an empty pattern is a mistake.
func (c *compiler) requiredPattern(field, text string) *regexp.Regexp {
	if text == "" {
		c.fail(field, errors.New("the pattern is empty"))
	}
	return c.pattern(field, text)
}

// name checks a field name and returns its number.
func (c *compiler) name(field, name string) nameID {
	if err := checkName(name); err != nil {
		c.fail(field, err)
		return 0
	}
	return c.intern(name)
}

// nameItem is like name, for an item of a list.
func (c *compiler) nameItem(field string, i int, name string) nameID {
	return c.name(item(field, i), name)
}

// wantField requests the header and returns the number of a field name.
func (c *compiler) wantField(field, name string) nameID {
	c.needs.headers = true
	return c.name(field, name)
}

// wantFields is like wantField, for a list of names. An empty list means the
// fields that RFC 5322 allows once.
func (c *compiler) wantFields(names []string) []nameID {
	if len(names) == 0 {
		names = singleFields()
	}
	ids := make([]nameID, 0, len(names))
	c.needs.headers = true
	for i, name := range names {
		ids = append(ids, c.nameItem("Names", i, name))
	}
	return ids
}

// intern returns the number of a name. It assigns one if the name is new.
func (c *compiler) intern(name string) nameID {
	key := lower(name)
	id, ok := c.names[key]
	if !ok {
		id = nameID(len(c.names) + 1)
		c.names[key] = id
	}
	return id
}
