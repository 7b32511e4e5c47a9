package headers

import (
	"fmt"
	"regexp"
)

// Which selects one of the fields that an action applies to or a condition looks at.
// Positive numbers count from the top, starting at 1. Negative numbers count from the
// bottom.
type Which int

// Named values of Which. Every selects all fields.
const (
	Every Which = 0
	First Which = 1
	Last  Which = -1
)

// of returns the selected part of a list.
func (w Which) of(list []int) []int {
	n := int(w)
	switch {
	case w == Every:
		return list
	case n < 0:
		n += len(list) + 1
	}
	if n < 1 || n > len(list) {
		return nil
	}
	return list[n-1 : n]
}

// checkWhich checks that a number of a field can be that of one.
func (c *compiler) checkWhich(which Which) {
	const most = 1 << 20
	if which > most || which < -most {
		c.fail("Which", fmt.Errorf("%d is out of range", which))
	}
}

// picker selects the fields that an action applies to.
type picker struct {
	id      nameID
	which   Which
	re      *regexp.Regexp // nil matches every value
	decoded bool
	keep    *bool // nil if templates do not use the match
}

// picker compiles a selection of fields.
func (c *compiler) picker(name string, which Which, match string, decoded bool) *picker {
	c.checkWhich(which)
	c.reviewSelection(match, decoded)
	c.reviewFieldPattern("Match", name, match, decoded)
	return &picker{c.wantField("Name", name), which, c.pattern("Match", match), decoded, c.keep}
}

// each calls do with the index of each selected field, top to bottom. During
// the call, templates can use the value of the field and the match of the
// pattern.
func (p *picker) each(r *run, do func(i int)) {
	list := append(r.picked[:0], r.indexes(p.id)...)
	r.picked = list
	if p.re != nil {
		list = p.matching(r, list)
	}
	for _, i := range p.which.of(list) {
		r.value = r.fields[i].value
		if p.re != nil && p.keep != nil && *p.keep {
			r.matches(p.re, r.text(i, p.decoded), p.keep)
		}
		do(i)
	}
	r.value = ""
}

// matching returns the fields whose values match. It overwrites the list.
func (p *picker) matching(r *run, list []int) []int {
	matching := list[:0]
	for _, i := range list {
		if p.re.MatchString(r.text(i, p.decoded)) {
			matching = append(matching, i)
		}
	}
	return matching
}
