package headers

import "strings"

// line is a text of the configuration: a constant, or a template.
type line struct {
	text string
	expr expr // nil for a constant
}

// line compiles a text.
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

// render returns the text for a message: one line.
func (l *line) render(r *run) string {
	if l.expr == nil {
		return l.text
	}
	return oneLine(cut(l.expr(r), longest))
}

// value is a text that becomes the value of a field.
type value struct {
	line   *line
	name   string
	encode bool
	ready  string // folded, of a constant
}

func (c *compiler) value(name, text string, encode bool) *value {
	v := &value{line: c.line("Value", text), name: name, encode: encode}
	if v.line.expr == nil {
		v.ready = v.finish(v.line.text)
	}
	return v
}

// render returns the value for a message, folded.
func (v *value) render(r *run) string {
	if v.line.expr == nil {
		return v.ready
	}
	return v.finish(v.line.render(r))
}

func (v *value) finish(text string) string {
	text = strings.Trim(text, " \t")
	if v.encode {
		text = wholeWords(encoded(text), longest)
	}
	return fold(v.name, text)
}
