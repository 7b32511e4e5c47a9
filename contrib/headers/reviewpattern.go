package headers

import (
	"errors"
	"regexp/syntax"
	"slices"
	"strings"
)

// reviewPattern reports a pattern that can never match, and warns of one that probably
// means something else. Each text that a pattern is matched against is one line, because
// values are unfolded first and the rest is part of an SMTP command.
func (c *compiler) reviewPattern(field, text string) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return // regexp.Compile has reported it
	}
	switch {
	case !canMatch(tree, anyText):
		c.fail(field, errors.New("the pattern can never match: no text has what it needs, such as text before ^ or behind $"))
	case !canMatch(tree, oneLineText):
		c.fail(field, errors.New(`the pattern can never match: it needs a line feed, but a value is matched as one line; write \s+ for the white space of a fold`))
	}
	switch {
	case matchesEvery(tree):
		c.warn(field, "the pattern matches every text")
	case len(text) > 2 && text[0] == '/' && (strings.HasSuffix(text, "/") || strings.HasSuffix(text, "/i")):
		c.warn(field, "the slashes are a part of the pattern; write it without them, and with (?i) before it if case does not matter")
	case strings.Contains(text, `\<`) || strings.Contains(text, `\>`):
		c.warn(field, `\< and \> stand for the characters < and >; the edge of a word is \b`)
	case doubleBackslash(text):
		c.warn(field, `\\ stands for one backslash in the text; in YAML's single quotes, and without quotes, one backslash is enough`)
	}
}

// reviewFieldPattern is reviewPattern's part for patterns on the values of a field. A
// decoded value may have white space at its ends: that of an encoded word.
func (c *compiler) reviewFieldPattern(field, name, text string, decoded bool) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if text == "" || err != nil {
		return
	}
	if !decoded && canMatch(tree, oneLineText) && !canMatch(tree, trimmedText) {
		c.fail(field, errors.New("the pattern can never match: it needs white space at the beginning or end of a value, but it is matched against the value without it"))
	}
	if beginsWithName(text, name) {
		c.warn(field, "the pattern is matched against the value only, which begins after %q", name+":")
	}
	if strings.EqualFold(name, "Content-Type") && strings.Contains(strings.ToLower(text), "name") {
		c.warn(field, "this sees the type of the whole message; the names of attachments stand in its MIME parts, and are matched by part: {name: …}")
	}
}

// reviewAddressPattern is reviewPattern's part for patterns on envelope addresses.
func (c *compiler) reviewAddressPattern(field, text string) {
	if strings.HasPrefix(text, "^<") && text != "^<" || strings.HasSuffix(text, ">$") {
		c.warn(field, "the pattern is matched against the address without angle brackets; that of a bounce is empty, ^$")
	}
	if _, domain, found := cutLast(text, "@"); found && !strings.HasPrefix(text, "(?i)") && !isASCII(domain) {
		c.warn(field, "the pattern is matched against the domain in ASCII, which begins with xn--; a list of addresses takes both spellings")
	}
}

// reviewAddressText warns of a pattern for an address in the text of a field.
func (c *compiler) reviewAddressText(name, pattern string) {
	bare := strings.TrimPrefix(lower(name), "resent-")
	if !strings.Contains(pattern, "@") || !slices.Contains([]string{"from", "sender", "reply-to", "to", "cc", "bcc"}, bare) {
		return
	}
	c.warn("Match", "a pattern sees the text of %[1]s, with names and comments, in which an address can be written in many ways; to look at the addresses, write addresses: {name: %[1]s, …}", name)
}

// beginsWithName reports whether a pattern begins with the name of the field and a colon,
// as in the tables of header_checks(5).
func beginsWithName(pattern, name string) bool {
	pattern = strings.TrimPrefix(strings.TrimPrefix(pattern, "(?i)"), "^")
	return len(pattern) > len(name) && strings.EqualFold(pattern[:len(name)], name) && pattern[len(name)] == ':'
}

// doubleBackslash reports whether a pattern has an escaped backslash before what is
// usually escaped itself, as in \\. or \\b.
func doubleBackslash(pattern string) bool {
	for i := 0; i+2 < len(pattern); i++ {
		if pattern[i] != '\\' {
			continue
		}
		if pattern[i+1] == '\\' && strings.IndexByte(".dDwWsSbB()[]*+?$^|", pattern[i+2]) >= 0 {
			return true
		}
		i++
	}
	return false
}
