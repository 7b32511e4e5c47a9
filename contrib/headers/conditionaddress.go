package headers

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Sender holds if the envelope sender is in a list or matches a pattern.
// Earlier filters may have changed the envelope sender.
type Sender struct {
	// In lists addresses (ann@example.org), domains (example.org or
	// @example.org), domains whose subdomains match (.example.org), and
	// "<>" for the null sender of a bounce. Case does not matter, and an
	// internationalized domain matches in both of its spellings.
	In []string
	// Match is a pattern for the address without angle brackets. It sees the
	// domain in ASCII and in lower case, and the local part as it is, but in
	// quotes only if it must be. Sender holds if In or Match matches.
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
	c.reviewAddressPattern("Match", s.Match)
	if len(s.In) == 0 && re == nil {
		c.fail("", errors.New("want In, Match or both"))
	}
	return func(r *run) bool {
		addr := r.reg.envelope.Sender(r.s)
		return set.has(pathKey(addr)) || re != nil && r.matches(re, pathText(addr), keep)
	}
}

func (rc Recipient) compile(c *compiler) test {
	c.needs.envelope = true
	set, re, keep := c.addresses(rc.In), c.pattern("Match", rc.Match), c.keep
	c.reviewAddressPattern("Match", rc.Match)
	if len(rc.In) == 0 && re == nil {
		c.fail("", errors.New("want In, Match or both"))
	}
	return func(r *run) bool { return r.anyRecipient(set, re, keep) }
}

// addressSet contains entries in the form of [addressKey]: an address (ann@example.org), a
// domain (@example.org), or the subdomains of a domain (.example.org).
type addressSet map[string]bool

func (c *compiler) addresses(list []string) addressSet {
	set := make(addressSet, len(list))
	for i, entry := range list {
		local, domain, isAddress := cutLast(strings.ToLower(entry), "@")
		c.reviewDomain(i, entry, domain)
		switch {
		case entry == "<>":
			set[""] = true
		case domain == "" || strings.ContainsAny(entry, "<> \t") || strings.ContainsFunc(entry, isControl),
			domain == ".", domain[0] == '.' && isAddress:
			c.failItem("In", i, fmt.Errorf("%q is neither an address nor a domain%s", entry, addressHint(entry)))
		case strings.ContainsAny(domain, `,;:/\(){}"!?$^+|`) && !strings.HasPrefix(domain, "["):
			c.failItem("In", i, fmt.Errorf("%q is neither an address nor a domain%s", entry, addressHint(entry)))
		case local == "*", strings.Contains(domain, "*"):
			c.failItem("In", i, fmt.Errorf("%q: wildcards are not supported; write a domain for all its addresses, and a dot and a domain for its subdomains", entry))
		case isAddress && local != "":
			set[pathKey(local+"@"+domain)] = true
		case domain[0] == '.':
			set["."+domainKey(domain[1:])] = true
		default:
			set["@"+domainKey(domain)] = true
		}
	}
	return set
}

// addressHint says what to write instead of an entry that is neither an address nor a
// domain.
func addressHint(entry string) string {
	switch {
	case strings.Contains(entry, "{{"):
		return "; it is not a template"
	case strings.ContainsAny(entry, "<>"):
		return "; write it without angle brackets"
	case strings.ContainsAny(entry, ",;"):
		return "; write a list, as in [a.example, b.example]"
	case strings.ContainsAny(entry, `/\()^$|+`):
		return "; for a pattern, write {match: '…'}"
	case strings.HasPrefix(entry, "@"), strings.HasSuffix(entry, "@"):
		return ", such as ann@example.org, example.org or .example.org"
	}
	return ""
}

// reviewDomain warns of an entry that no address has.
func (c *compiler) reviewDomain(i int, entry, domain string) {
	_, err := netip.ParseAddr(domain)
	switch {
	case err == nil:
		c.warn(item("In", i), "%q is taken for a domain; the domain of an address literal has brackets, as in [%s], and a client's network belongs below client", entry, domain)
	case strings.HasSuffix(domain, "."):
		c.warn(item("In", i), "%q ends in a dot, which the domains of addresses do not", entry)
	}
}

// has reports whether the set contains an address, its domain, or a domain
// above it. The address must be in the form of [addressKey].
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
