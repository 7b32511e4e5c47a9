package headers

import (
	"errors"

	"github.com/sluicemail/sluice/framework"
)

// Delete takes fields away.
type Delete struct {
	Name string
	// Which, Match and Decoded are those of [Replace].
	Which   Which
	Match   string
	Decoded bool
}

// Rename gives fields another name in the same place.
type Rename struct {
	// Name is the old name, and To the new one.
	Name, To string
	// Which, Match and Decoded are those of [Replace].
	Which   Which
	Match   string
	Decoded bool
}

// Strip takes away what tells about the sender's computer, for mail that users
// submit: put [Authenticated] before it.
type Strip struct {
	// Names are those of fields; none stand for X-Originating-IP,
	// X-Originating-Client, X-Client-IP, X-Sender-IP, X-Source-IP, X-Real-IP,
	// X-Forwarded-For, X-PHP-Script, X-PHP-Originating-Script, X-Mailer and
	// User-Agent.
	Names []string
	// Received is a pattern for the Received fields to take away, such as
	// that of a webmail server; "" leaves all. The field that the MTA
	// itself adds is not among them: no filter sees it.
	Received string
}

// Limit leaves at most a number of fields of a name.
type Limit struct {
	Name string
	// Max is at least one.
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

// telling are the fields that tell about the sender's computer.
func telling() []string {
	return []string{
		"X-Originating-IP", "X-Originating-Client", "X-Client-IP", "X-Sender-IP", "X-Source-IP", "X-Real-IP",
		"X-Forwarded-For", "X-PHP-Script", "X-PHP-Originating-Script", "X-Mailer", "User-Agent",
	}
}

func (a Strip) compile(c *compiler) step {
	names := a.Names
	if len(names) == 0 {
		names = telling()
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
	id := c.seen("Name", a.Name)
	if a.Max < 1 {
		c.fail("Max", errors.New("it is less than one; Delete deletes all"))
	}
	return func(r *run) (framework.Verdict, error) {
		list := r.of(id)
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
