package headers

import (
	"errors"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// Replace changes the value of fields.
type Replace struct {
	Name string
	// Value is a template, in which {{ .Value }} is the present value. A
	// field whose new value is empty is deleted.
	Value string
	// Encode has the same meaning as in [Add].
	Encode bool
	// Match and Decoded select the fields whose value matches, as in
	// [Matches]. An empty Match selects all fields with the name. Which
	// selects among these fields.
	Which   Which
	Match   string
	Decoded bool
	// OrAdd adds a field at the bottom if no field is selected.
	OrAdd bool
}

// Prefix adds text before the value of fields, such as a tag before a subject.
// A value that already contains the text, ignoring spaces at the ends of the
// text, stays unchanged.
type Prefix struct {
	Name string
	// Text is a template. It may end in a space. Text that is not ASCII is
	// encoded as encoded words. Encoded words in the value are preserved.
	Text string
	// Which, Match and Decoded have the same meaning as in [Replace].
	Which   Which
	Match   string
	Decoded bool
}

// Suffix adds text after the value of fields. Otherwise it works like [Prefix].
type Suffix struct {
	// The fields have the same meaning as in [Prefix]. Text may begin with
	// a space.
	Name, Text string
	Which      Which
	Match      string
	Decoded    bool
}

// Fold folds values that have a line longer than 78 bytes. It unfolds such a
// value first and then folds the whole value.
type Fold struct {
	Name  string
	Which Which
}

// Unfold joins the lines of folded values into one line of any length.
type Unfold struct {
	Name  string
	Which Which
}

func (a Replace) compile(c *compiler) step {
	c.needs.change = true
	c.needs.add = c.needs.add || a.OrAdd
	p := c.picker(a.Name, a.Which, a.Match, a.Decoded)
	v := c.value(a.Name, a.Value, a.Encode)
	if a.Value == "" {
		c.fail("Value", errors.New("the value is empty; use Delete to delete fields"))
	}
	return func(r *run) (framework.Verdict, error) {
		none := true
		p.each(r, func(i int) {
			none = false
			r.set(i, v.render(r))
		})
		if none && a.OrAdd {
			if text := v.render(r); text != "" {
				r.append(field{name: a.Name, value: text})
			}
		}
		return framework.Continue, nil
	}
}

func (a Prefix) compile(c *compiler) step {
	tag := newTagger()
	return c.tag(a, tag.before)
}

func (a Suffix) compile(c *compiler) step {
	tag := newTagger()
	return c.tag(Prefix(a), func(text, value string) string { return tag.after(value, text) })
}

func (c *compiler) tag(a Prefix, join func(text, value string) string) step {
	c.needs.change = true
	p := c.picker(a.Name, a.Which, a.Match, a.Decoded)
	text := c.line("Text", a.Text)
	if a.Text == "" {
		c.fail("Text", errors.New("the text is empty"))
	}
	return func(r *run) (framework.Verdict, error) {
		p.each(r, func(i int) {
			tag, f := text.render(r), &r.fields[i]
			bare := strings.TrimSpace(decoded(tag)) // the tag may contain encoded words
			if bare == "" || strings.Contains(decoded(f.value), bare) {
				return
			}
			r.set(i, foldLong(f.name, join(tag, trimmed(f.value))))
		})
		return framework.Continue, nil
	}
}

// trimmed removes the white space at the ends of a value. It keeps the folds of
// the value, unless the value contains line breaks or NULs that are not
// allowed.
func trimmed(value string) string {
	if hasBreak(value) {
		value = oneLine(unfold(value))
	}
	return strings.Trim(value, " \t\r\n")
}

// foldLong folds a value again if one of its lines is too long.
func foldLong(name, value string) string {
	width := len(name) + len(": ")
	for line := range strings.SplitSeq(value, "\n") {
		if width+len(line) > softLine {
			return fold(name, oneLine(unfold(value)))
		}
		width = 0
	}
	return value
}

func (a Fold) compile(c *compiler) step {
	return c.refold(a.Name, a.Which, foldLong)
}

func (a Unfold) compile(c *compiler) step {
	return c.refold(a.Name, a.Which, func(_, value string) string {
		if !strings.Contains(value, "\n") {
			return value
		}
		return oneLine(unfold(value))
	})
}

func (c *compiler) refold(name string, which Which, how func(name, value string) string) step {
	c.needs.change = true
	p := c.picker(name, which, "", false)
	return func(r *run) (framework.Verdict, error) {
		p.each(r, func(i int) {
			if text := how(r.fields[i].name, r.fields[i].value); text != "" {
				r.set(i, text)
			}
		})
		return framework.Continue, nil
	}
}
