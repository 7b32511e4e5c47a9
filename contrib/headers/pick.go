package headers

import (
	"fmt"
	"regexp"
)

// Which chooses among the fields that an action could be about, counted from 1
// at the top. Negative numbers count from the bottom.
type Which int

// The choices that have a name.
const (
	Every Which = 0
	First Which = 1
	Last  Which = -1
)

// of returns what is chosen of a list.
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

// picker chooses the fields that an action is about.
type picker struct {
	id      nameID
	which   Which
	re      *regexp.Regexp // nil matches
	decoded bool
	keep    *bool
}

// picker compiles a choice among the fields of a name.
func (c *compiler) picker(name string, which Which, match string, decoded bool) *picker {
	const most = 1 << 20
	if which > most || which < -most {
		c.fail("Which", fmt.Errorf("%d is out of range", which))
	}
	return &picker{c.seen("Name", name), which, c.pattern("Match", match), decoded, c.keep}
}

// each calls do with each chosen field in turn, top to bottom. What the
// pattern finds in it is there for templates, and its value.
func (p *picker) each(r *run, do func(i int)) {
	list := append(r.picked[:0], r.of(p.id)...)
	r.picked = list
	if p.re != nil {
		list = p.matching(r, list)
	}
	for _, i := range p.which.of(list) {
		r.value = r.fields[i].value
		if p.re != nil && *p.keep {
			r.matches(p.re, r.text(i, p.decoded), p.keep)
		}
		do(i)
	}
	r.value = ""
}

// matching returns the fields that match, in the memory of the list.
func (p *picker) matching(r *run, list []int) []int {
	matching := list[:0]
	for _, i := range list {
		if p.re.MatchString(r.text(i, p.decoded)) {
			matching = append(matching, i)
		}
	}
	return matching
}
