package headers

import (
	"errors"
	"fmt"
	"strings"
)

// Sender holds when the envelope's sender is listed, or matches. Earlier
// filters may have changed it.
type Sender struct {
	// In lists addresses, domains, with or without an "@" before them,
	// domains that the sender's is below, with a dot before them, and "<>"
	// for the sender of a bounce. Case does not matter.
	In []string
	// Match is a pattern for the address without angle brackets. It is
	// tried besides.
	Match string
}

// Recipient holds when one of the envelope's recipients is listed, or matches.
type Recipient struct {
	// In and Match are those of [Sender].
	In    []string
	Match string
}

func (s Sender) compile(c *compiler) test {
	c.needs.envelope = true
	set, re, keep := c.addresses(s.In), c.pattern("Match", s.Match), c.keep
	if len(s.In) == 0 && re == nil {
		c.fail("", errors.New("neither In nor Match is there"))
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
		c.fail("", errors.New("neither In nor Match is there"))
	}
	return func(r *run) bool { return r.anyRecipient(set, re, keep) }
}

// addressSet holds addresses, "@" and a domain, and "." and a domain.
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
			c.failItem("In", i, fmt.Errorf("%q: there are no wildcards; a domain stands for all in it, and one with a dot before it for all below it", entry))
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

// has reports whether the set has an address in lower case, or its domain.
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

// cutLast returns what stands before and behind the last separator. Without
// one, all stands behind.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
