package headers

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
)

// Replace changes the value of fields.
type Replace struct {
	// Name may be a family of names, such as X-Spam-*, unless OrAdd is
	// set. With Encode, a family must begin with X-.
	Name string
	// Value is a template, in which {{ .Value }} is the present value. If
	// the new value is empty, the field stays as it is: see [Delete]. It
	// also stays if it conforms to RFC 5322, and the output of the template
	// would not: see [Malformed].
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

// Prefix adds text before the value of text fields, such as a tag before a subject, so
// that mail readers show the text and then the value: see [message.Prefix]. A value
// stays unchanged if its decoded text begins with the text, or has it directly behind
// prefixes of replies and forwarded mail such as "Re: " and "Fwd: ", at most five of
// them. Spaces at the ends of the text do not count. Text elsewhere in the value does
// not count, because a sender could write it where nobody sees it, and neither does a
// part of a word. If the text and the value would make one word, a space goes between.
type Prefix struct {
	// Name may be a family of names that begins with X-, such as X-Spam-*, unless
	// OrAdd is set. It cannot be a field of addresses or another structured field:
	// text before an address makes another one of it.
	Name string
	// Text is a template. It may end in a space. Text that is not ASCII is
	// encoded as encoded words. Encoded words in the value are preserved.
	Text string
	// Which, Match and Decoded have the same meaning as in [Replace].
	Which   Which
	Match   string
	Decoded bool
	// OrAdd adds a field with the text at the bottom if the message has no
	// field with the name, so that no sender avoids the text by leaving the
	// field out. Which, Match and Decoded do not matter then. If the message
	// has the field, but Which and Match select none, nothing is added.
	OrAdd bool
}

// Suffix adds text after the value of fields: see [message.Suffix]. A value whose
// decoded text ends with the text stays unchanged. Otherwise it works like [Prefix].
type Suffix struct {
	// The fields have the same meaning as in [Prefix]. Text may begin with
	// a space.
	Name, Text string
	Which      Which
	Match      string
	Decoded    bool
	OrAdd      bool
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
	if v.alwaysEmpty() {
		c.fail("Value", errors.New("the value is empty; use Delete to delete fields"))
	}
	if a.OrAdd {
		c.name("Name", a.Name) // no family can be added
	}
	return func(r *run) (framework.Verdict, error) {
		none := true
		p.each(r, func(i int) {
			none = false
			name := r.fields[i].name
			switch text, whole := v.render(r, name); {
			case !whole:
				r.tooLong.count(r.rule, name, len(text))
			case v.line.isConstant() || text == "" || !r.damages(i, name, text):
				r.set(i, text)
			}
		})
		if none && a.OrAdd {
			if text, _ := v.render(r, a.Name); text != "" {
				r.append(field{name: a.Name, value: text})
			}
		}
		return framework.Continue, nil
	}
}

func (a Prefix) compile(c *compiler) step {
	return c.tag(a, beginsWithTag, prefixed)
}

func (a Suffix) compile(c *compiler) step {
	return c.tag(Prefix(a), endsWithTag, suffixed)
}

// tag compiles an action that adds a tag. The function has reports whether a decoded
// value has the tag, and join adds the tag to a value.
func (c *compiler) tag(a Prefix, has func(text, tag string) bool, join func(tag, value string) string) step {
	c.needs.change = true
	c.needs.add = c.needs.add || a.OrAdd
	p := c.picker(a.Name, a.Which, a.Match, a.Decoded)
	text := c.shownLine("Text", a.Text)
	c.checkTagged(a.Name)
	if strings.TrimSpace(a.Text) == "" && !text.failed {
		c.fail("Text", errors.New("the text is empty"))
	}
	if a.OrAdd {
		c.name("Name", a.Name) // no family can be added
	}
	return func(r *run) (framework.Verdict, error) {
		if a.OrAdd && len(r.indexes(p.id)) == 0 {
			if value := join(text.render(r), ""); value != "" {
				r.append(field{name: a.Name, value: foldLong(a.Name, value)})
			}
			return framework.Continue, nil
		}
		p.each(r, func(i int) {
			tag, f := text.render(r), &r.fields[i]
			if message.FormOf(f.name) != message.FormText { // one of a family
				return
			}
			bare := strings.TrimSpace(decoded(tag)) // the tag may contain encoded words
			if bare == "" || has(decoded(f.value), bare) {
				return
			}
			r.set(i, foldLong(f.name, join(tag, trimmed(f.value))))
		})
		return framework.Continue, nil
	}
}

// checkTagged checks that a field is one of text, to which a tag can be added.
func (c *compiler) checkTagged(name string) {
	_, family := familyOf(name)
	switch form := message.FormOf(name); {
	case family && !strings.HasPrefix(lower(name), "x-"):
		c.fail("Name", fmt.Errorf("the fields of %s are not all fields of text; name those that are", name))
	case form == message.FormPhrases:
		c.fail("Name", fmt.Errorf("the field %s has addresses or phrases, which text before or behind them destroys; tag Subject, or write replace with match", name))
	case form == message.FormStructured:
		c.fail("Name", fmt.Errorf("the field %s is not a field of text; to change its value, write replace", name))
	}
}

// trimmed removes the white space at the ends of a value. It keeps the folds of
// the value, unless the value contains line breaks or NULs that are not
// allowed.
func trimmed(value string) string {
	if hasBreak(value) {
		value = oneLine(message.Unfold(value))
	}
	return strings.Trim(value, " \t\r\n")
}

// foldLong folds a value again if one of its lines is too long, or is white space alone,
// which no new value may have.
func foldLong(name, value string) string {
	width := len(name) + len(": ")
	for line := range strings.SplitSeq(value, "\n") {
		if width+len(line) > softLine || width == 0 && strings.Trim(line, " \t\r") == "" {
			return message.Fold(name, oneLine(message.Unfold(value)))
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
		return oneLine(message.Unfold(value))
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
