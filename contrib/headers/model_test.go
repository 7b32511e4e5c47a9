package headers_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The model is the simplest implementation of the package: it copies lists and
// compares names, and has no index and no templates.

type modelField struct{ name, value string }

type modelRule struct {
	when modelCond
	do   []modelAction
	last bool
}

type modelCond struct {
	kind string // "", present, absent, matches, duplicated, not, all, any
	name string
	text string
	subs []modelCond
	// which is the field that present and matches look at, or 0.
	which int
}

type modelAction struct {
	kind, name, text string
	which            int
	match            string
	flag             bool
	other            string // another name in the list, or ""
}

func (c modelCond) holds(h []modelField) bool {
	count := 0
	for _, i := range (modelAction{name: c.name, which: c.which}).chosen(h) {
		if f := h[i]; c.kind != "matches" || regexp.MustCompile(c.text).MatchString(flat(f.value)) {
			count++
		}
	}
	held := 0
	for _, sub := range c.subs {
		if sub.holds(h) {
			held++
		}
	}
	switch c.kind {
	case "present", "matches":
		return count > 0
	case "absent":
		return count == 0
	case "duplicated":
		return count > 1
	case "not":
		return held == 0
	case "all":
		return held == len(c.subs)
	case "any":
		return held > 0
	}
	return true
}

func flat(value string) string { return strings.TrimSpace(strings.ReplaceAll(value, "\n", "")) }

// chosen returns the indexes of the fields that an action applies to.
func (a modelAction) chosen(h []modelField) []int {
	var list []int
	for i, f := range h {
		if strings.EqualFold(f.name, a.name) && regexp.MustCompile(a.match).MatchString(flat(f.value)) {
			list = append(list, i)
		}
	}
	at := a.which - 1
	if a.which < 0 {
		at = len(list) + a.which
	}
	switch {
	case a.which == 0:
		return list
	case at < 0 || at >= len(list):
		return nil
	}
	return []int{list[at]}
}

func (a modelAction) apply(h []modelField) []modelField {
	if a.other != "" {
		first, second := a, a
		first.other, second.other, second.name = "", "", a.other
		return second.apply(first.apply(h))
	}
	var gone []int
	switch a.kind {
	case "add":
		return append(h, modelField{a.name, a.text})
	case "insert":
		return append([]modelField{{a.name, a.text}}, h...)
	case "replace":
		chosen := a.chosen(h)
		for _, i := range chosen {
			h[i].value = a.text
		}
		if len(chosen) == 0 && a.flag {
			h = append(h, modelField{a.name, a.text})
		}
	case "rename":
		for _, i := range a.chosen(h) {
			h[i].name = a.text
		}
	case "unfold":
		for _, i := range a.chosen(h) {
			if strings.Contains(h[i].value, "\n") {
				h[i].value = flat(h[i].value)
			}
		}
	case "delete":
		gone = a.chosen(h)
	case "limit":
		all := modelAction{name: a.name}.chosen(h)
		for len(all)-len(gone) > a.which {
			if a.flag {
				gone = append(gone, all[len(gone)])
			} else {
				gone = append(gone, all[len(all)-1-len(gone)])
			}
		}
	case "prefix", "suffix":
		has := map[string]func(s, tag string) bool{"prefix": strings.HasPrefix, "suffix": strings.HasSuffix}[a.kind]
		if len(modelAction{name: a.name}.chosen(h)) == 0 && a.flag {
			h = append(h, modelField{a.name, strings.TrimSpace(a.text)})
		}
		for _, i := range a.chosen(h) {
			switch {
			case has(flat(h[i].value), strings.TrimSpace(a.text)):
			case h[i].value == "":
				h[i].value = strings.TrimSpace(a.text)
			case a.kind == "prefix":
				h[i].value = a.text + strings.TrimSpace(h[i].value)
			default:
				h[i].value = strings.TrimSpace(h[i].value) + a.text
			}
		}
	}
	var left []modelField
	for i, f := range h {
		if !slices.Contains(gone, i) {
			left = append(left, f)
		}
	}
	return left
}

// modelled returns what rules make of a header.
func modelled(rules []modelRule, h []modelField) []modelField {
	h = slices.Clone(h)
	for _, r := range rules {
		if !r.when.holds(h) {
			continue
		}
		for _, a := range r.do {
			h = a.apply(h)
		}
		if r.last {
			break
		}
	}
	return h
}

func headerText(h []modelField) string {
	var b strings.Builder
	for _, f := range h {
		_, _ = fmt.Fprintf(&b, "%s: %s\n", f.name, f.value)
	}
	return b.String()
}

// drawn draws configurations and messages.
type drawn struct{ *rand.Rand }

func one[T any](d drawn, of ...T) T { return of[d.IntN(len(of))] }

func (d drawn) name() string  { return one(d, "Aa", "Bb", "Dd", "Subject", "X-Long-Name") }
func (d drawn) value() string { return one(d, "1", "2", "a b", "grüße", "x=y; z", "-") }
func (d drawn) match() string { return one(d, "", "", "^1$", "[a-z]", "\\d") }

func (d drawn) header() []modelField {
	h := []modelField{{"From", "ann@example.org"}}
	for range d.IntN(9) {
		value := d.value()
		if d.IntN(5) == 0 {
			value += "\n\tfolded"
		}
		name := d.name()
		if d.IntN(4) == 0 {
			name = strings.ToUpper(name)
		}
		h = append(h, modelField{name, value})
	}
	return h
}

func (d drawn) cond(depth int) modelCond {
	kind := one(d, "present", "absent", "matches", "duplicated", "not", "all", "any")
	c := modelCond{kind: kind, name: d.name(), text: one(d, "1", "^a", "[ü-]")}
	if kind == "present" || kind == "matches" {
		c.which = one(d, 0, 0, 1, -1, 2, -2)
	}
	for range map[string]int{"not": 1, "all": 2, "any": 2}[kind] {
		c.name = ""
		if depth > 2 {
			c.subs = append(c.subs, modelCond{kind: "present", name: d.name()})
			continue
		}
		c.subs = append(c.subs, d.cond(depth+1))
	}
	return c
}

func (d drawn) action() modelAction {
	a := modelAction{
		kind: one(d, "add", "insert", "replace", "replace", "rename", "rename", "delete", "limit", "prefix", "suffix", "unfold"),
		name: d.name(), text: d.value(), which: d.IntN(7) - 3, match: d.match(), flag: d.IntN(2) == 0,
	}
	switch a.kind {
	case "rename":
		a.text = d.name()
	case "limit":
		a.which, a.match = 1+d.IntN(3), ""
	case "prefix", "suffix":
		a.text = map[string]string{"prefix": "[t] ", "suffix": " (t)"}[a.kind]
	case "unfold":
		a.match = ""
	}
	if other := d.name(); a.kind != "add" && a.kind != "insert" && other != a.name && d.IntN(4) == 0 {
		a.other = other
	}
	return a
}

func (d drawn) rules() []modelRule {
	rules := make([]modelRule, 1+d.IntN(8))
	for i := range rules {
		if d.IntN(3) > 0 {
			rules[i].when = d.cond(0)
		}
		for range 1 + d.IntN(3) {
			rules[i].do = append(rules[i].do, d.action())
		}
		rules[i].last = d.IntN(9) == 0
	}
	return rules
}

func (c modelCond) yaml() string {
	var subs []string
	for _, s := range c.subs {
		subs = append(subs, s.yaml())
	}
	switch c.kind {
	case "not":
		return "{not: " + subs[0] + "}"
	case "all", "any":
		return "{" + c.kind + ": [" + strings.Join(subs, ", ") + "]}"
	case "matches":
		return fmt.Sprintf("{matches: {name: %s, match: %q%s}}", c.name, c.text, c.whichYAML())
	case "present":
		return fmt.Sprintf("{present: {name: %s%s}}", c.name, c.whichYAML())
	}
	return "{" + c.kind + ": " + c.name + "}"
}

func (c modelCond) whichYAML() string {
	if c.which == 0 {
		return ""
	}
	return fmt.Sprintf(", which: %d", c.which)
}

func (a modelAction) yaml() string {
	text := fmt.Sprintf("%s: {name: %s", a.kind, a.name)
	if a.other != "" {
		text = fmt.Sprintf("%s: {name: [%s, %s]", a.kind, a.name, a.other)
	}
	switch a.kind {
	case "add", "insert", "replace":
		text += fmt.Sprintf(", value: %q", a.text)
	case "prefix", "suffix":
		text += fmt.Sprintf(", text: %q", a.text)
	case "rename":
		text += ", to: " + a.text
	case "limit":
		return text + fmt.Sprintf(", max: %d, bottom: %v}", a.which, a.flag)
	}
	if a.kind == "replace" || a.kind == "prefix" || a.kind == "suffix" {
		text += fmt.Sprintf(", or_add: %v", a.flag)
	}
	if a.kind != "add" && a.kind != "insert" && a.which != 0 {
		text += fmt.Sprintf(", which: %d", a.which)
	}
	if a.match != "" && a.kind != "add" && a.kind != "insert" {
		text += fmt.Sprintf(", match: %q", a.match)
	}
	return text + "}"
}

func rulesYAML(rules []modelRule) string {
	var b strings.Builder
	_, _ = b.WriteString("rules:\n")
	for _, r := range rules {
		_, _ = fmt.Fprintf(&b, "- last: %v\n", r.last)
		if r.when.kind != "" {
			_, _ = fmt.Fprintf(&b, "  when: %s\n", r.when.yaml())
		}
		_, _ = b.WriteString("  do:\n")
		for _, a := range r.do {
			_, _ = fmt.Fprintf(&b, "  - %s\n", a.yaml())
		}
	}
	return b.String()
}

// contradict reports whether a condition of the rules can never hold, which is a mistake.
func contradict(rules []modelRule) bool {
	_, err := headers.Parse("x.yaml", []byte(rulesYAML(rules)))
	return err != nil && strings.Contains(err.Error(), "the condition never holds")
}

// possibleRules draws rules whose conditions can hold.
func (d drawn) possibleRules() []modelRule {
	rules := d.rules()
	for contradict(rules) {
		rules = d.rules()
	}
	return rules
}

// TestGenerated compares the filter with the model for generated
// configurations.
func TestGenerated(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			d := drawn{rand.New(rand.NewPCG(seed, 1))}
			rules := d.possibleRules()
			filter := parsed(t, rulesYAML(rules))
			for flavor, mta := range flavors() {
				conn := miltertest.NewServer(t, filter, mta).Dial(t)
				for range 4 {
					h := d.header()
					want := headerText(modelled(rules, h))
					res := conn.Run(t, miltertest.Message(headerText(h)+"\nbody\n"))
					if !assert.Equal(t, want, headerOf(res), "%s\n%s\n%s", flavor, rulesYAML(rules), headerText(h)) {
						return
					}
				}
			}
		})
	}
}
