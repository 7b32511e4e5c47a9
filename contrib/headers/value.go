package headers

import "strings"

// line is a one-line text of the configuration: a constant or a template.
type line struct {
	text string
	expr expr // nil for a constant
}

// line checks a text and compiles it if it is a template.
func (c *compiler) line(field, text string) *line {
	if err := checkText(text); err != nil {
		c.fail(field, err)
		return &line{}
	}
	if !strings.Contains(text, "{{") {
		return &line{text: text}
	}
	expr, err := c.template(text)
	if err != nil {
		c.fail(field, err)
	}
	return &line{expr: expr}
}

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
	name   string
	encode bool
	folded string // the final value if the text is a constant
}

func (c *compiler) value(name, text string, encode bool) *value {
	v := &value{line: c.line("Value", text), name: name, encode: encode}
	if v.line.expr == nil {
		v.folded = v.finish(v.line.text)
	}
	return v
}

// render returns the folded value for a message.
func (v *value) render(r *run) string {
	if v.line.expr == nil {
		return v.folded
	}
	return v.finish(v.line.render(r))
}

func (v *value) finish(text string) string {
	text = strings.Trim(text, " \t")
	if v.encode {
		text = truncateWords(encoded(text), maxRendered)
	}
	return fold(v.name, text)
}
