package headers

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// compiler compiles a configuration into an engine. It collects the mistakes
// and the needs of the rules.
type compiler struct {
	names    map[string]nameID // the field names that rules use, in lower case
	families families
	needs    needs
	stages   map[string]framework.Stage // of the macros that the configuration lists
	path     []string
	at       []place
	keep     *bool // whether the current rule uses the matches of its patterns
	matched  matched
	outcome  outcome // what the condition that is compiled may result in, if the rule applies
	noValue  bool    // what is compiled edits no value that .Value could be
	shown    string  // the setting that is compiled if its text goes into the header
	errs     []error
	warnings []*ConfigError

	permissions []Permission
	reported    map[string]bool // the texts of errs and warnings
}

// A test reports whether a condition holds. A step performs an action.
type (
	test func(r *run) bool
	step func(r *run) (framework.Verdict, error)
)

// rule is a compiled rule.
type rule struct {
	name     string
	when     test // nil always holds
	do       []step
	last     bool
	optional bool
	edits    edits // that the actions need
}

// compile checks and compiles a configuration.
func compile(cfg Config) (*engine, error) {
	c := &compiler{names: make(map[string]nameID), stages: make(map[string]framework.Stage)}
	defer c.scope("", cfg.at)()
	c.declareMacros(cfg.Macros)
	e := &engine{}
	for i := range cfg.Rules {
		e.rules = append(e.rules, c.rule(i, &cfg.Rules[i]))
	}
	c.reviewRules(cfg.Rules)
	c.reviewDeleted(cfg.Rules)
	c.reviewMacros(cfg.Macros)
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	e.names, e.families, e.needs, e.warnings = c.names, c.families, c.needs, c.warnings
	e.permissions = c.permissions
	return e, nil
}

func (c *compiler) rule(i int, from *Rule) rule {
	r := rule{name: cmp.Or(from.Name, ruleNumber(i)), last: from.Last, optional: from.Optional}
	c.keep, c.matched, c.outcome, c.noValue = new(bool), matched{}, mayHold, true
	defer c.scope(rulePath(i, from), from.at)()
	if err := checkFixed(from.Name); err != nil {
		c.fail("name", err)
	}
	if from.When != nil {
		r.when = c.condition(from.When)
	}
	if len(from.Do) == 0 {
		c.fail("do", errors.New("the rule has no actions"))
	}
	required := c.needs.edits
	for _, a := range from.Do {
		c.needs.edits = edits{}
		r.do = append(r.do, c.action(a))
		c.permission(from, a)
		r.edits.join(c.needs.edits)
	}
	c.needs.edits = required
	if from.Optional {
		c.needs.wishes.join(r.edits)
		c.reviewOptional(from, r.edits)
	} else {
		c.needs.join(r.edits)
	}
	return r
}

// ruleNumber returns the name of a rule that has none.
func ruleNumber(i int) string { return fmt.Sprintf("rule %d", i+1) }

// rulePath returns the path under which mistakes in a rule are reported.
func rulePath(i int, r *Rule) string {
	if r.Name == "" {
		return ruleNumber(i)
	}
	return ruleNumber(i) + " (" + r.Name + ")"
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
	switch a.(type) {
	case Add, Insert, Reject, Quarantine:
		c.noValue = true
	default:
		c.noValue = false
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
	if e := c.located(field, err); isNew(&c.reported, e) {
		c.errs = append(c.errs, e)
	}
}

// warn records something that is valid but is probably not meant.
func (c *compiler) warn(field, format string, args ...any) {
	e := c.located(field, fmt.Errorf(format, args...))
	e.Warning = true
	if isNew(&c.reported, e) {
		c.warnings = append(c.warnings, e)
	}
}

// located returns an error with the place of a field of the current rule, condition or
// action.
func (c *compiler) located(field string, err error) *ConfigError {
	path := c.path
	if field != "" {
		path = append(slices.Clip(path), field)
	}
	e := &ConfigError{Path: strings.Join(path, ": "), Err: err}
	if len(c.at) > 0 {
		at := c.at[len(c.at)-1].of(field)
		e.File, e.Line, e.Column = at.file, at.line, at.column
	}
	return e
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
			c.fail("Macros", fmt.Errorf("%q: %w", name, unknownStage(macros[name])))
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

// name checks a field name and returns its number.
func (c *compiler) name(field, name string) nameID {
	if err := checkName(name); err != nil {
		c.fail(field, err)
		return 0
	}
	return c.intern(name)
}

// nameOrFamily is like name, but also takes a family of names. It returns the number of the
// name or of the family.
func (c *compiler) nameOrFamily(field, name string) nameID {
	prefix, ok := familyOf(name)
	if !ok {
		return c.name(field, name)
	}
	if err := checkName(prefix); err != nil {
		c.fail(field, err)
		return 0
	}
	return c.families.intern(prefix)
}

// wantField requests the header and returns the number of a field name or of a family of
// names.
func (c *compiler) wantField(field, name string) nameID {
	c.needs.headers = true
	c.reviewName(field, name)
	return c.nameOrFamily(field, name)
}

// wantFields requests the header and returns the number of each name in a list. An empty
// list means the fields that RFC 5322 allows once.
func (c *compiler) wantFields(names []string) []nameID {
	if len(names) == 0 {
		names = singleFields()
	}
	ids := make([]nameID, 0, len(names))
	c.needs.headers = true
	for i, name := range names {
		ids = append(ids, c.name(item("Names", i), name))
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
