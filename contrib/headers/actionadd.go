package headers

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluicemail/sluice/framework"
)

// Add adds a field at the bottom of the header. If all rules use only Add and
// [Insert], the MTA sends neither header nor body.
type Add struct {
	Name string
	// Value is a template.
	Value string
	// Encode encodes the words that are not ASCII as encoded words (RFC
	// 2047), as [message.EncodeText] does, and in fields of addresses the
	// names and comments, as [message.EncodeAddresses] does. Encoded words in
	// the value are kept. A value with bytes that are not UTF-8 is sent as it
	// is, because nothing says in which charset it is. A structured field such
	// as Message-ID cannot have encoded words: Encode is a mistake there. If
	// Encode is false, the value is sent in UTF-8.
	Encode bool
	// SkipEmpty skips the action if the value is empty. If false, a field
	// with an empty value is added.
	SkipEmpty bool
}

// Insert adds a field at the top of the header, or beside another field. If Top,
// Above and Below are not set, the place is below the Received field that the MTA
// itself adds, and above all others.
type Insert struct {
	// The fields have the same meaning as in [Add].
	Name, Value       string
	Encode, SkipEmpty bool
	// Top adds the field above all others, including the Received field that
	// the MTA itself adds. Some programs trust results only there.
	Top bool
	// Above is the name of a field: the new one goes directly above the
	// topmost field with that name. Below likewise is the name of a field: the
	// new one goes directly below the lowest field with that name. If there is
	// no such field, the new one goes where it goes without these settings.
	// Filters do not see the Received field that the MTA itself adds, so the
	// topmost Received is that of the host before. At most one of Top, Above
	// and Below may be set.
	Above, Below string
}

// ReplyTo sets the address for replies. Afterwards the message has one Reply-To
// field. If the value is empty or is not a list of addresses, the message stays
// unchanged.
type ReplyTo struct {
	// Value is a template. Names in it that are not ASCII are encoded, as with
	// Encode in [Add].
	Value string
	// Keep leaves messages that already have a Reply-To field unchanged.
	Keep bool
}

func (a Add) compile(c *compiler) step {
	c.needs.add = true
	c.name("Name", a.Name)
	c.reviewResults(a.Name)
	v := c.value(a.Name, a.Value, a.Encode)
	c.checkSkip(a.SkipEmpty, v)
	return func(r *run) (framework.Verdict, error) {
		if text, _ := v.render(r, a.Name); text != "" || !a.SkipEmpty {
			r.append(field{name: a.Name, value: text})
		}
		return framework.Continue, nil
	}
}

// checkSkip checks that an action that skips an empty value is not skipped always.
func (c *compiler) checkSkip(skipEmpty bool, v *value) {
	if skipEmpty && v.alwaysEmpty() {
		c.fail("Value", errors.New("the value is empty, and skip_empty skips it for every message"))
	}
}

func (n Insert) compile(c *compiler) step {
	c.needs.add = true
	c.name("Name", n.Name)
	c.reviewResults(n.Name)
	v := c.value(n.Name, n.Value, n.Encode)
	place := n.place(c)
	c.checkSkip(n.SkipEmpty, v)
	return func(r *run) (framework.Verdict, error) {
		if text, _ := v.render(r, n.Name); text != "" || !n.SkipEmpty {
			r.insertAt(place(r), field{name: n.Name, value: text, atop: n.Top, beside: n.Above != ""})
		}
		return framework.Continue, nil
	}
}

// place returns a function that returns the index in run.order at which the field is
// inserted.
func (n Insert) place(c *compiler) func(r *run) int {
	switch {
	case n.Above != "" && n.Below != "":
		c.fail("Below", errors.New("above and below cannot both be set; choose one"))
	case n.Top && n.Above+n.Below != "":
		c.fail("Top", errors.New("top cannot be set with above or below; choose one"))
	case n.Top:
		return func(*run) int { return 0 }
	case n.Above != "":
		id := c.beside("Above", n.Above)
		return func(r *run) int {
			if list := r.indexes(id); len(list) > 0 {
				return slices.Index(r.order, list[0])
			}
			return r.belowTop()
		}
	case n.Below != "":
		id := c.beside("Below", n.Below)
		return func(r *run) int {
			if list := r.indexes(id); len(list) > 0 {
				return slices.Index(r.order, list[len(list)-1]) + 1
			}
			return r.belowTop()
		}
	}
	return (*run).belowTop
}

// beside requests what is needed to insert a field beside one with the name.
func (c *compiler) beside(setting, name string) nameID {
	c.needs.beside = true
	return c.wantField(setting, name)
}

func (a ReplyTo) compile(c *compiler) step {
	const name = "Reply-To"
	c.needs.add, c.needs.change = true, true
	id := c.wantField("", name)
	v := c.value(name, a.Value, true)
	if v.line.isConstant() && !conforms(name, v.folded) {
		c.fail("Value", fmt.Errorf("%.60q is not a list of addresses, so no message would be changed", a.Value))
	}
	return func(r *run) (framework.Verdict, error) {
		there := r.indexes(id)
		if a.Keep && len(there) > 0 {
			return framework.Continue, nil
		}
		r.value = r.first(there)
		text, whole := v.render(r, name)
		r.value = ""
		if !whole {
			r.tooLong.count(r.rule, name, len(text))
			return framework.Continue, nil
		}
		if !conforms(name, text) {
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
