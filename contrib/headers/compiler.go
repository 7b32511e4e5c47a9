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

// compiler turns a configuration into what runs. It gathers mistakes, and what
// must be asked of the MTA.
type compiler struct {
	names  map[string]nameID // of the fields that rules name, in lower case
	needs  needs
	stages map[string]framework.Stage
	path   []string
	at     []place
	keep   *bool // whether the rule under way uses what its patterns find
	errs   []error
}

// test tells whether a condition holds, and step does an action.
type (
	test func(r *run) bool
	step func(r *run) (framework.Verdict, error)
)

// rule is a rule that is ready to run.
type rule struct {
	name string
	when test // nil holds
	do   []step
	last bool
}

// compile checks the whole configuration.
func compile(cfg Config) (*engine, error) {
	c := &compiler{names: make(map[string]nameID), stages: make(map[string]framework.Stage)}
	c.declare(cfg.Macros)
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
	defer c.in(path, from.at)()
	if from.When != nil {
		r.when = c.condition(from.When)
	}
	if len(from.Do) == 0 {
		c.fail("do", errors.New("a rule does something"))
	}
	for _, a := range from.Do {
		r.do = append(r.do, c.action(a))
	}
	return r
}

func (c *compiler) condition(cond Condition) test {
	if cond == nil {
		c.fail("", errors.New("a condition is nil"))
		return nil
	}
	if l, ok := cond.(locatedCondition); ok {
		defer c.in("", l.at)()
		cond = l.Condition
	}
	defer c.in(kindOf(cond), place{})()
	return cond.compile(c)
}

func (c *compiler) action(a Action) step {
	if a == nil {
		c.fail("", errors.New("an action is nil"))
		return nil
	}
	if l, ok := a.(locatedAction); ok {
		defer c.in("", l.at)()
		a = l.Action
	}
	defer c.in(kindOf(a), place{})()
	return a.compile(c)
}

// locatedCondition and locatedAction are those of a file.
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

func kindOf(v any) string {
	kind := fmt.Sprintf("%T", v)
	return kind[strings.LastIndexByte(kind, '.')+1:]
}

// in has the mistakes that follow told under a name and at a place, until what
// it returns is called.
func (c *compiler) in(name string, at place) (out func()) {
	path, places := c.path, c.at
	if name != "" {
		c.path = append(slices.Clip(path), name)
	}
	if at.line > 0 {
		c.at = append(slices.Clip(places), at)
	}
	return func() { c.path, c.at = path, places }
}

// fail notes a mistake in a field of what is compiled.
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

// failItem notes a mistake in an item of a list.
func (c *compiler) failItem(field string, i int, err error) {
	c.fail(item(field, i), err)
}

func item(field string, i int) string { return field + "/" + strconv.Itoa(i+1) }

// declare takes the stages of macros that the configuration names.
func (c *compiler) declare(macros map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(macros)) {
		stage, ok := stageOf(macros[name])
		if !ok {
			c.fail("Macros", fmt.Errorf("%q: there are no macros at the stage %q", name, macros[name]))
			continue
		}
		if err := checkMacro(bare(name)); err != nil {
			c.fail("Macros", err)
		}
		if _, twice := c.stages[bare(name)]; twice {
			c.fail("Macros", fmt.Errorf("%q is here with and without braces", bare(name)))
		}
		c.stages[bare(name)] = stage
	}
}

// macro has a macro asked for at its stage.
func (c *compiler) macro(name string) (macro, error) {
	name = bare(name)
	if err := checkMacro(name); err != nil {
		return macro{}, err
	}
	stage, ok := c.stages[name]
	if !ok {
		stage, ok = known(name)
	}
	if !ok {
		return macro{}, fmt.Errorf("the stage of the macro %q is not known; name it in macros", name)
	}
	m := macro{stage, name}
	if c.needs.macros == nil {
		c.needs.macros = make(map[macro]bool)
	}
	c.needs.macros[m] = true
	return m, nil
}

// pattern compiles a regular expression; "" is none, and gives nil.
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

// needed compiles a pattern that may not be left out.
func (c *compiler) needed(field, text string) *regexp.Regexp {
	if text == "" {
		c.fail(field, errors.New("there is no pattern"))
	}
	return c.pattern(field, text)
}

// name checks a field's name and returns its number.
func (c *compiler) name(field, name string) nameID {
	if err := checkName(name); err != nil {
		c.fail(field, err)
		return 0
	}
	return c.intern(name)
}

// nameItem is name for an item of a list.
func (c *compiler) nameItem(field string, i int, name string) nameID {
	return c.name(item(field, i), name)
}

// seen checks a field's name, and has the header shown.
func (c *compiler) seen(field, name string) nameID {
	c.needs.headers = true
	return c.name(field, name)
}

// seenAll is seen for names, of which none stand for those that a message has
// once.
func (c *compiler) seenAll(names []string) []nameID {
	if len(names) == 0 {
		names = singles()
	}
	ids := make([]nameID, 0, len(names))
	c.needs.headers = true
	for i, name := range names {
		ids = append(ids, c.nameItem("Names", i, name))
	}
	return ids
}

// intern returns the number of a name.
func (c *compiler) intern(name string) nameID {
	key := lower(name)
	id, ok := c.names[key]
	if !ok {
		id = nameID(len(c.names) + 1)
		c.names[key] = id
	}
	return id
}
