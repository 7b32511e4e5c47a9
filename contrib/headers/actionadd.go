package headers

import (
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// Add adds a field at the bottom of the header. Rules that only do this and
// [Insert] see nothing of the message.
type Add struct {
	Name string
	// Value is a template.
	Value string
	// Encode turns a value that is not ASCII into encoded words (RFC 2047).
	// Else it goes out in UTF-8, as it is.
	Encode bool
	// SkipEmpty adds nothing when the value is empty; else the field is
	// added, with an empty value.
	SkipEmpty bool
}

// Insert adds a field at the top of the header, below the MTA's own Received.
type Insert struct {
	// The fields are those of [Add].
	Name, Value       string
	Encode, SkipEmpty bool
}

// ReplyTo has replies go elsewhere: it leaves the message with one Reply-To
// field. A value that is not a list of addresses, or is empty, leaves the
// message as it is.
type ReplyTo struct {
	// Value is a template.
	Value string
	// Keep leaves a message alone that has a Reply-To.
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
	id := c.seen("", name)
	v := c.value(name, a.Value, false)
	grammar := newGrammar()
	return func(r *run) (framework.Verdict, error) {
		there := r.of(id)
		if a.Keep && len(there) > 0 {
			return framework.Continue, nil
		}
		r.value = r.first(there)
		text := v.render(r)
		r.value = ""
		if !grammar.takes(strings.ToLower(name), text) {
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
