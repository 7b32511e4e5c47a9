package headers

import (
	"errors"
	"fmt"
	"strings"
)

// Sender holds if the envelope sender is in a list or matches a pattern.
// Earlier filters may have changed the envelope sender.
type Sender struct {
	// In lists addresses (ann@example.org), domains (example.org or
	// @example.org), domains whose subdomains match (.example.org), and
	// "<>" for the null sender of a bounce. Case does not matter.
	In []string
	// Match is a pattern for the address without angle brackets. Sender
	// holds if In or Match matches.
	Match string
}

// Recipient holds if at least one envelope recipient is in a list or matches a
// pattern.
type Recipient struct {
	// In and Match have the same meaning as in [Sender].
	In    []string
	Match string
}

func (s Sender) compile(c *compiler) test {
	c.needs.envelope = true
	set, re, keep := c.addresses(s.In), c.pattern("Match", s.Match), c.keep
	if len(s.In) == 0 && re == nil {
		c.fail("", errors.New("want In, Match or both"))
	}
	return func(r *run) bool {
		addr := r.reg.envelope.Sender(r.s)
		return set.has(strings.ToLower(addr)) || re != nil && r.matches(re, addr, keep)
	}
}

func (rc Recipient) compile(c *compiler) test {
	c.needs.envelope = true
	set, re, keep := c.addresses(rc.In), c.pattern("Match", rc.Match), c.keep
	if len(rc.In) == 0 && re == nil {
		c.fail("", errors.New("want In, Match or both"))
	}
	return func(r *run) bool { return r.anyRecipient(set, re, keep) }
}

// addressSet contains entries in lower case: an address (ann@example.org), a
// domain (@example.org), or the subdomains of a domain (.example.org).
type addressSet map[string]bool

func (c *compiler) addresses(list []string) addressSet {
	set := make(addressSet, len(list))
	for i, entry := range list {
		local, domain, isAddress := cutLast(strings.ToLower(entry), "@")
		switch {
		case entry == "<>":
			set[""] = true
		case domain == "" || strings.ContainsAny(entry, "<> \t") || strings.ContainsFunc(entry, isControl),
			domain == ".", domain[0] == '.' && isAddress:
			c.failItem("In", i, fmt.Errorf("%q is neither an address nor a domain", entry))
		case local == "*", strings.Contains(domain, "*"):
			c.failItem("In", i, fmt.Errorf("%q: wildcards are not supported; write a domain for all its addresses, and a dot and a domain for its subdomains", entry))
		case isAddress && local != "":
			set[local+"@"+domain] = true
		case domain[0] == '.':
			set[domain] = true
		default:
			set["@"+domain] = true
		}
	}
	return set
}

// has reports whether the set contains an address, its domain, or a domain
// above it. The address must be in lower case.
func (set addressSet) has(addr string) bool {
	if len(set) == 0 {
		return false
	}
	_, domain, found := cutLast(addr, "@")
	if set[addr] || !found {
		return set[addr]
	}
	if set["@"+domain] {
		return true
	}
	for i := range domain {
		if domain[i] == '.' && set[domain[i:]] {
			return true
		}
	}
	return false
}

// cutLast splits s at the last separator. If there is no separator, before is
// empty and after is s.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
