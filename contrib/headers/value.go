package headers

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sluicemail/sluice/framework/message"
)

// line is a one-line text of the configuration: a constant or a template.
type line struct {
	text   string
	expr   expr // nil for a constant
	failed bool // the text is wrong, which was reported
}

// line checks a text and compiles it if it is a template.
func (c *compiler) line(field, text string) *line {
	if err := checkText(text); err != nil {
		c.fail(field, err)
		return &line{failed: true}
	}
	if !strings.Contains(text, "{{") {
		return &line{text: text}
	}
	expr, err := c.template(text)
	if err != nil {
		c.fail(field, err)
	}
	return &line{expr: expr, failed: err != nil}
}

// shownLine is like line, for a text that goes into the header.
func (c *compiler) shownLine(field, text string) *line {
	c.shown = field
	defer func() { c.shown = "" }()
	return c.line(field, text)
}

// isConstant reports whether the text is right and the same for every message.
func (l *line) isConstant() bool { return l.expr == nil && !l.failed }

// render returns the text for a message, in one line.
func (l *line) render(r *run) string {
	if l.expr == nil {
		return l.text
	}
	return oneLine(truncate(l.expr(r), maxRendered))
}

// value is a text that becomes the value of a field.
type value struct {
	line   *line
	encode bool
	name   string
	folded string // the final value if the text is a constant
}

func (c *compiler) value(name, text string, encode bool) *value {
	v := &value{line: c.shownLine("Value", text), name: name, encode: encode}
	if encode {
		c.checkEncode(name)
	}
	if v.line.isConstant() {
		v.folded, _, _ = v.finish(name, v.line.text) // checkText accepts valid UTF-8 only
		c.reviewValue(name, v.folded)
		if !encode && message.FormOf(name) == message.FormPhrases && !isASCII(v.folded) {
			c.warn("Value", "%s has a name that is not ASCII; with encode: true, every mail reader shows it", name)
		}
	}
	return v
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// alwaysEmpty reports whether the value is empty for every message.
func (v *value) alwaysEmpty() bool {
	return v.line.isConstant() && strings.Trim(v.line.text, " \t") == ""
}

// checkEncode checks that a field can have encoded words.
func (c *compiler) checkEncode(name string) {
	if _, family := familyOf(name); family && !strings.HasPrefix(lower(name), "x-") {
		c.fail("Encode", fmt.Errorf("the fields of %s may differ in where encoded words can be; name one field, or leave out encode", name))
	} else if message.FormOf(name) == message.FormStructured {
		c.fail("Encode", fmt.Errorf("the field %s cannot have encoded words; leave out encode", name))
	}
}

// render returns the folded value for a message, for a field with the name. If the value
// is for a family, the name is that of one of its fields. A value that is too long is cut.
// If whole is false, that may have cost a field of addresses some of them.
func (v *value) render(r *run, name string) (text string, whole bool) {
	if v.line.expr == nil && name == v.name {
		return v.folded, true
	}
	rendered := v.line.render(r)
	text, whole, err := v.finish(name, rendered)
	if err != nil {
		r.unencoded.count(r.rule, name, len(text))
	}
	whole = whole && len(rendered) <= maxRendered-utf8.UTFMax // it may have been cut
	return text, whole || message.FormOf(name) == message.FormText
}

// finish returns the folded value, and whether it is whole. If it cannot be encoded, finish
// returns an error and the value as it is.
func (v *value) finish(name, text string) (folded string, whole bool, err error) {
	text = strings.Trim(text, " \t")
	if !v.encode {
		return message.Fold(name, text), true, nil
	}
	text, err = message.EncodeField(name, text)
	cut := truncateWords(text, maxRendered)
	return message.Fold(name, cut), len(cut) == len(text), err
}
