package headers

import (
	"errors"

	"github.com/sluicemail/sluice/framework"
)

// Delete deletes fields.
type Delete struct {
	Name string
	// Which, Match and Decoded have the same meaning as in [Replace].
	Which   Which
	Match   string
	Decoded bool
}

// Rename changes the name of fields. The fields keep their places.
type Rename struct {
	// Name is the old name and To is the new name.
	Name, To string
	// Which, Match and Decoded have the same meaning as in [Replace].
	Which   Which
	Match   string
	Decoded bool
}

// Strip deletes fields that reveal details of the sender's computer. It is
// meant for mail that users submit: use it with the condition [Authenticated].
type Strip struct {
	// Names are the names of the fields to delete. If empty, Strip deletes
	// X-Originating-IP, X-Originating-Client, X-Client-IP, X-Sender-IP,
	// X-Source-IP, X-Real-IP, X-Forwarded-For, X-PHP-Script,
	// X-PHP-Originating-Script, X-Mailer and User-Agent.
	Names []string
	// Received is a pattern for the values of Received fields to delete,
	// such as the fields that a webmail server adds. If empty, no Received
	// field is deleted. Filters do not see the Received field that the MTA
	// itself adds, so Strip cannot delete it.
	Received string
}

// Limit deletes fields so that at most Max fields with a name remain.
type Limit struct {
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
	to := c.name("To", a.To)
	return func(r *run) (framework.Verdict, error) {
		p.each(r, func(i int) { r.rename(i, a.To, to) })
		return framework.Continue, nil
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
		list = append(list, &picker{id: c.nameItem("Names", i, name)})
	}
	if a.Received != "" {
		list = append(list, &picker{id: c.intern("Received"), re: c.pattern("Received", a.Received), keep: new(bool)})
	}
	return func(r *run) (framework.Verdict, error) {
		for _, p := range list {
			p.each(r, r.delete)
		}
		return framework.Continue, nil
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
