package headers

import (
	"errors"
	"fmt"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
)

// Delete deletes fields, whoever wrote them: also those that an earlier filter of the same
// router added.
type Delete struct {
	// Name may be a family of names, such as X-Spam-*.
	Name string
	// Which, Match and Decoded have the same meaning as in [Replace].
	Which   Which
	Match   string
	Decoded bool
}

// Rename changes the name of fields. The fields keep their places.
type Rename struct {
	// Name is the old name and To is the new name. If Name is a family of
	// names, such as X-Spam-*, To must be one too, such as X-Old-Spam-*.
	// Each name then keeps what follows its beginning. A field whose new
	// name would be longer than 900 bytes keeps its name, and so does one
	// whose value conforms to RFC 5322, but not with the new name: see
	// [Malformed].
	Name, To string
	// Which, Match and Decoded have the same meaning as in [Replace].
	Which   Which
	Match   string
	Decoded bool
}

// Strip deletes fields that reveal details of the sender's computer. It is
// meant for mail that users submit: use it with the condition [Authenticated].
// Fields that an earlier filter of the same router added are kept: they are not the
// sender's. To delete those as well, use [Delete].
type Strip struct {
	// Names are the names of the fields to delete. If empty, Strip deletes
	// X-Originating-IP, X-Originating-Client, X-Client-IP, X-Sender-IP,
	// X-Source-IP, X-Real-IP, X-Forwarded-For, X-PHP-Script,
	// X-PHP-Originating-Script, X-Mailer and User-Agent. A name may be a
	// family of names, such as X-Originating-*.
	Names []string
	// Received is a pattern for the values of Received fields to delete,
	// such as the fields that a webmail server adds. If empty, no Received
	// field is deleted. Filters do not see the Received field that the MTA
	// itself adds, so Strip cannot delete it.
	Received string
}

// Limit deletes fields so that at most Max fields with a name remain.
type Limit struct {
	// Name may be a family of names, such as X-Spam-*. Max then counts all
	// fields of the family.
	Name string
	// Max must be at least 1.
	Max int
	// Bottom keeps the lowest fields instead of the topmost.
	Bottom bool
}

func (a Delete) compile(c *compiler) step {
	c.needs.change = true
	p := c.picker(a.Name, a.Which, a.Match, a.Decoded)
	return func(r *run) (framework.Verdict, error) {
		p.each(r, r.delete)
		return framework.Continue, nil
	}
}

func (a Rename) compile(c *compiler) step {
	c.needs.rename = true
	p := c.picker(a.Name, a.Which, a.Match, a.Decoded)
	from, family := familyOf(a.Name)
	to, toFamily := familyOf(a.To)
	switch {
	case family && toFamily:
		c.nameOrFamily("To", a.To)
		return func(r *run) (framework.Verdict, error) {
			p.each(r, func(i int) { r.renameInFamily(i, len(from), to) })
			return framework.Continue, nil
		}
	case family:
		c.fail("To", fmt.Errorf("%q: a family of names becomes another family; write the new beginning and a *, as in X-Old-*", a.To))
	}
	if a.Name == a.To {
		c.warn("To", "the new name is the old one")
	}
	id := c.name("To", a.To)
	return func(r *run) (framework.Verdict, error) {
		p.each(r, func(i int) {
			if !r.damages(i, a.To, r.fields[i].value) {
				r.rename(i, a.To, id)
			}
		})
		return framework.Continue, nil
	}
}

// renameInFamily replaces the beginning of a field's name. Because the sender chooses the
// rest of the name, the new one may be none that a field can have. The field then keeps
// its name.
func (r *run) renameInFamily(i, beginning int, to string) {
	name := to + r.fields[i].name[beginning:]
	switch {
	case len(name) > message.MaxFieldName:
		r.longName.count(r.rule, r.fields[i].name, len(name))
	case message.CheckFieldName(name) == nil && !r.damages(i, name, r.fields[i].value):
		r.rename(i, name, r.id(name))
	}
}

// clientFields returns the fields that reveal details of the sender's computer.
func clientFields() []string {
	return []string{
		"X-Originating-IP", "X-Originating-Client", "X-Client-IP", "X-Sender-IP", "X-Source-IP", "X-Real-IP",
		"X-Forwarded-For", "X-PHP-Script", "X-PHP-Originating-Script", "X-Mailer", "User-Agent",
	}
}

func (a Strip) compile(c *compiler) step {
	names := a.Names
	if len(names) == 0 {
		names = clientFields()
	}
	c.needs.headers, c.needs.change = true, true
	list := make([]*picker, 0, len(names)+1)
	for i, name := range names {
		list = append(list, &picker{id: c.wantField(item("Names", i), name)})
	}
	if a.Received != "" {
		c.reviewFieldPattern("Received", "Received", a.Received, false)
		list = append(list, &picker{id: c.intern("Received"), re: c.silentPattern("Received", a.Received)})
	}
	return func(r *run) (framework.Verdict, error) {
		for _, p := range list {
			p.each(r, r.strip)
		}
		return framework.Continue, nil
	}
}

// strip deletes a field, unless an earlier filter of the router added it.
func (r *run) strip(i int) {
	if !r.fields[i].added {
		r.delete(i)
	}
}

func (a Limit) compile(c *compiler) step {
	c.needs.change = true
	id := c.wantField("Name", a.Name)
	if a.Max < 1 {
		c.fail("Max", errors.New("want at least 1; use Delete to delete all fields"))
	}
	return func(r *run) (framework.Verdict, error) {
		list := r.indexes(id)
		switch beyond := len(list) - a.Max; {
		case beyond <= 0:
			list = nil
		case a.Bottom:
			list = list[:beyond]
		default:
			list = list[a.Max:]
		}
		for _, i := range list {
			r.delete(i)
		}
		return framework.Continue, nil
	}
}
