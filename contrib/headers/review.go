package headers

import (
	"maps"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework/message"
)

// reviewRules warns of rules that no message reaches, of actions that have no effect, and
// of names that stand for several rules.
func (c *compiler) reviewRules(rules []Rule) {
	byName := make(map[string]int)
	ending := -1
	for i := range rules {
		r := &rules[i]
		leave := c.scope(rulePath(i, r), r.at)
		if before, twice := byName[r.Name]; twice && r.Name != "" {
			c.warn("name", "rule %d has the same name; logs and .Rule do not tell the two apart", before+1)
		} else {
			byName[r.Name] = i
		}
		if ending >= 0 {
			c.warn("", "no message reaches this rule, because %s is the end for every message", rulePath(ending, &rules[ending]))
			ending = -2 // one warning is enough
		}
		c.reviewActions(r)
		if r.When == nil && ending == -1 && (r.Last || rejects(r) >= 0) && i+1 < len(rules) {
			ending = i
		}
		leave()
	}
}

// rejects returns the index of the first action of a rule that rejects the message, or -1.
func rejects(r *Rule) int {
	for i, a := range r.Do {
		if _, ok := bareAction(a).(Reject); ok {
			return i
		}
	}
	return -1
}

// reviewActions warns of the actions of a rule that have no effect because the rule rejects
// the message.
func (c *compiler) reviewActions(r *Rule) {
	at := rejects(r)
	if at < 0 {
		return
	}
	for i, a := range r.Do {
		if i == at || a == nil {
			continue
		}
		var where place
		if l, ok := a.(locatedAction); ok {
			where = l.at
		}
		leave := c.scope(typeName(bareAction(a)), where)
		if i > at {
			c.warn("", "the action is never performed, because the rule rejects the message before it")
		} else {
			c.warn("", "the action has no effect, because the rule rejects the message")
		}
		leave()
	}
}

// bareAction returns an action without its place.
func bareAction(a Action) Action {
	if l, ok := a.(locatedAction); ok {
		return l.Action
	}
	return a
}

// bareCondition returns a condition without its place.
func bareCondition(cond Condition) Condition {
	if l, ok := cond.(locatedCondition); ok {
		return l.Condition
	}
	return cond
}

// partFields returns the fields that stand in MIME parts, and seldom in the header of a
// message (RFC 2045 and RFC 2183).
func partFields() []string {
	return []string{"Content-Disposition", "Content-ID", "Content-Description", "Content-Location"}
}

// partHint says what to write instead of a condition on a field of MIME parts.
func partHint(field string) string {
	if field != "Content-Disposition" {
		return ""
	}
	return "; the names of attachments are matched by part: {name: …}, and dispositions by part: {disposition: …}"
}

// reviewMacros warns of macros whose stages the configuration lists for nothing.
func (c *compiler) reviewMacros(macros map[string]string) {
	used := make(map[string]bool)
	for m := range c.needs.macros {
		used[m.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(macros)) {
		if !used[macroName(name)] {
			c.warn("Macros", "no rule uses the macro %q", name)
		}
	}
}

// reviewName warns of a field that the rules see seldom or never.
func (c *compiler) reviewName(field, name string) {
	for _, part := range partFields() {
		if strings.EqualFold(name, part) {
			c.warn(field, "%s stands in MIME parts; this sees the header of the message, which seldom has it%s", part, partHint(part))
		}
	}
	for _, late := range []string{"Return-Path", "Delivered-To", "X-Original-To"} {
		if strings.EqualFold(name, late) {
			c.warn(field, "MTAs add %s when they deliver a message; only what the sender wrote himself is seen here", late)
		}
	}
}

// reviewResults warns of a rule that adds an Authentication-Results field. Filters that check
// mail write one field together, and this one would stand beside it.
func (c *compiler) reviewResults(name string) {
	if authres.IsName(name) {
		c.warn("Name", "filters that check mail, such as contrib/dkim, write this field with all their results; readers may see only this one; "+
			"use a name such as X-Auth-Note, and strip_auth_results against forged fields")
	}
}

// reviewValue warns of a constant value that RFC 5322 does not allow in a field.
func (c *compiler) reviewValue(name, value string) {
	if err := message.CheckField(name, value); err != nil {
		c.warn("Value", "%s cannot have this value: %w", name, err)
	}
}

// reviewMalformed warns of fields that are well-formed whatever they contain.
func (c *compiler) reviewMalformed(names []string) {
	const never = "(" // in a field with a grammar it begins a comment that does not end
	for i, name := range names {
		if conforms(name, never) {
			c.warn(item("Names", i), "RFC 5322 has no grammar for %s; only NUL, and line breaks that do not fold, are found in it", name)
		}
	}
}

// reviewSelection warns of settings of an action that have no effect together.
func (c *compiler) reviewSelection(match string, decoded bool) {
	if decoded && match == "" {
		c.warn("Decoded", "decoded has no effect without match")
	}
}
