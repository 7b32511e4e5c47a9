package headers

import (
	"errors"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// Replace gives fields another value.
type Replace struct {
	Name string
	// Value is a template, in which {{ .Value }} is the present value. A
	// field whose new value is empty is deleted.
	Value string
	// Encode is that of [Add].
	Encode bool
	// Which chooses among the fields that match, and Match and Decoded
	// choose as in [Matches]; "" matches all.
	Which   Which
	Match   string
	Decoded bool
	// OrAdd adds a field at the bottom when none is chosen.
	OrAdd bool
}

// Prefix puts text before values, as a tag before a subject. A value that has
// the text in it already, surrounding spaces aside, is left as it is.
type Prefix struct {
	Name string
	// Text is a template. It may end in a space. What is not ASCII becomes
	// encoded words, and encoded words of the value stay whole.
	Text string
	// Which, Match and Decoded are those of [Replace].
	Which   Which
	Match   string
	Decoded bool
}

// Suffix puts text behind values, as [Prefix] does before them.
type Suffix struct {
	// The fields are those of [Prefix]. Text may begin with a space.
	Name, Text string
	Which      Which
	Match      string
	Decoded    bool
}

// Fold folds values that have a line longer than 78 bytes, anew and in all.
type Fold struct {
	Name  string
	Which Which
}

// Unfold puts values that are folded into one line, whatever its length.
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
		c.fail("Value", errors.New("it is empty; Delete deletes"))
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
	return c.tag(Prefix(a), func(text, value string) string { return tag.behind(value, text) })
}

func (c *compiler) tag(a Prefix, join func(text, value string) string) step {
	c.needs.change = true
	p := c.picker(a.Name, a.Which, a.Match, a.Decoded)
	text := c.line("Text", a.Text)
	if a.Text == "" {
		c.fail("Text", errors.New("there is none"))
	}
	return func(r *run) (framework.Verdict, error) {
		p.each(r, func(i int) {
			tag, f := text.render(r), &r.fields[i]
			bare := strings.TrimSpace(decoded(tag)) // it may be encoded words itself
			if bare == "" || strings.Contains(decoded(f.value), bare) {
				return
			}
			r.set(i, tidy(f.name, join(tag, trimmed(f.value))))
		})
		return framework.Continue, nil
	}
}

// trimmed returns a value without spaces at its ends, its folds as they are,
// and without what no folded value has.
func trimmed(value string) string {
	if hasBreak(value) {
		value = oneLine(unfold(value))
	}
	return strings.Trim(value, " \t\r\n")
}

// tidy returns a value folded anew where a line of it is too long.
func tidy(name, value string) string {
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
	return c.refold(a.Name, a.Which, tidy)
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
