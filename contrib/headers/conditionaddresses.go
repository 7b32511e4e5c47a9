package headers

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/message"
)

// Addresses holds if an address in a field of the message is in a list or matches a
// pattern. It reads fields as mail readers do: with several addresses, groups, comments,
// folds, and much that RFC 5322 does not allow ([message.Tolerant]). A display name is no
// address, even if it looks like one. But a field that has no address with a domain, or
// encoded words in an address, is read once more with the words decoded and without quotes,
// because a mail reader may show it so.
type Addresses struct {
	// Name lists the names of the fields, such as From. It may contain families
	// of names, such as Resent-*.
	Name []string
	// In lists addresses and domains, as in [Sender]. The null address cannot be
	// in it.
	In []string
	// Match is a pattern for the address, such as ann@example.org. It sees the
	// domain in ASCII and in lower case, and the local part as it is. An address
	// is selected if In or Match matches.
	Match string
	// Every requires that all addresses are selected, and that there is one.
	Every bool
	// Unreadable selects a field without an address: an empty field, words, or a
	// mailbox without a domain. If false, it is not selected. A field with an
	// empty group, such as "undisclosed-recipients:;", has no addresses and is
	// not unreadable. A field that is absent is never selected.
	Unreadable bool
}

func (a Addresses) compile(c *compiler) test {
	if len(a.Name) == 0 {
		c.fail("Name", errors.New("want the name of a field"))
	}
	ids := make([]nameID, 0, len(a.Name))
	for i, name := range a.Name {
		c.reviewAddressField(item("Name", i), name)
		ids = append(ids, c.wantField(item("Name", i), name))
	}
	if i := slices.Index(a.In, "<>"); i >= 0 {
		c.failItem("In", i, errors.New("a field cannot contain the null address; for fields without an address, write unreadable: true"))
	}
	s := &addressSelection{c.addresses(a.In), c.pattern("Match", a.Match), c.keep, a.Every, a.Unreadable}
	c.reviewAddressPattern("Match", a.Match)
	switch {
	case len(a.In) == 0 && a.Match == "" && !a.Unreadable:
		c.fail("", errors.New("want In, Match or Unreadable"))
	case a.Every && len(a.In) == 0 && a.Match == "":
		c.fail("Every", errors.New("every has no meaning without In or Match"))
	}
	return func(r *run) bool { return s.holds(r, ids) }
}

// reviewAddressField reports a field that has no addresses.
func (c *compiler) reviewAddressField(field, name string) {
	for _, other := range []string{"Return-Path", "Delivered-To", "X-Original-To"} {
		if strings.EqualFold(name, other) {
			return
		}
	}
	if message.FormOf(name) == message.FormStructured || strings.EqualFold(name, "Subject") {
		c.fail(field, fmt.Errorf("the field %s does not have addresses; to match its text, write matches", name))
	}
}

// addressSelection selects addresses of fields.
type addressSelection struct {
	set               addressSet
	re                *regexp.Regexp
	keep              *bool
	every, unreadable bool
}

// holds reports whether an address of the fields is selected, or all are.
func (s *addressSelection) holds(r *run, ids []nameID) bool {
	seen := false
	for _, id := range ids {
		for _, i := range r.indexes(id) {
			list, readable := readAddresses(r.fields[i].value)
			if !readable {
				if s.unreadable != s.every {
					return s.unreadable
				}
				seen = true
			}
			for _, a := range list {
				if s.selects(r, a) != s.every {
					return !s.every
				}
				seen = true
			}
		}
	}
	return s.every && seen
}

func (s *addressSelection) selects(r *run, a message.Address) bool {
	if s.set.has(addressKey(a)) {
		return true
	}
	return s.re != nil && r.matches(s.re, addressText(a), s.keep)
}
