package headers

import (
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// Add adds a field at the bottom of the header. If all rules use only Add and
// [Insert], the MTA sends neither header nor body.
type Add struct {
	Name string
	// Value is a template.
	Value string
	// Encode encodes a value that is not ASCII as encoded words (RFC 2047).
	// If false, the value is sent in UTF-8.
	Encode bool
	// SkipEmpty skips the action if the value is empty. If false, a field
	// with an empty value is added.
	SkipEmpty bool
}

// Insert adds a field at the top of the header, below the Received field that
// the MTA itself adds.
type Insert struct {
	// The fields have the same meaning as in [Add].
	Name, Value       string
	Encode, SkipEmpty bool
}

// ReplyTo sets the address for replies. Afterwards the message has one Reply-To
// field. If the value is empty or is not a list of addresses, the message stays
// unchanged.
type ReplyTo struct {
	// Value is a template.
	Value string
	// Keep leaves messages that already have a Reply-To field unchanged.
	Keep bool
}

func (a Add) compile(c *compiler) step {
	c.needs.add = true
	c.name("Name", a.Name)
	v := c.value(a.Name, a.Value, a.Encode)
	return func(r *run) (framework.Verdict, error) {
		if text := v.render(r); text != "" || !a.SkipEmpty {
			r.append(field{name: a.Name, value: text})
		}
		return framework.Continue, nil
	}
}

func (n Insert) compile(c *compiler) step {
	c.needs.add = true
	c.name("Name", n.Name)
	v := c.value(n.Name, n.Value, n.Encode)
	return func(r *run) (framework.Verdict, error) {
		if text := v.render(r); text != "" || !n.SkipEmpty {
			r.insert(n.Name, text)
		}
		return framework.Continue, nil
	}
}

func (a ReplyTo) compile(c *compiler) step {
	const name = "Reply-To"
	c.needs.add, c.needs.change = true, true
	id := c.wantField("", name)
	v := c.value(name, a.Value, false)
	grammar := newGrammar()
	return func(r *run) (framework.Verdict, error) {
		there := r.indexes(id)
		if a.Keep && len(there) > 0 {
			return framework.Continue, nil
		}
		r.value = r.first(there)
		text := v.render(r)
		r.value = ""
		if !grammar.valid(strings.ToLower(name), text) {
			return framework.Continue, nil
		}
		if len(there) == 0 {
			r.append(field{name: name, value: text})
			return framework.Continue, nil
		}
		r.set(there[0], text)
		for _, i := range there[1:] {
			r.fields[i].deleted = true
		}
		return framework.Continue, nil
	}
}
