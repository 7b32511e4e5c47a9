package headers

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
)

// All holds if all of its conditions hold.
type All []Condition

// Any holds if at least one of its conditions holds.
type Any []Condition

// Not holds if its condition does not hold.
type Not struct{ Condition Condition }

func (a All) compile(c *compiler) test {
	tests := c.conditions(a, mayHold)
	c.contradictions(a)
	return func(r *run) bool {
		for _, holds := range tests {
			if !holds(r) {
				return false
			}
		}
		return true
	}
}

func (a Any) compile(c *compiler) test {
	tests := c.conditions(a, mayFail)
	c.tautology(a)
	return func(r *run) bool {
		for _, holds := range tests {
			if holds(r) {
				return true
			}
		}
		return false
	}
}

func (n Not) compile(c *compiler) test {
	defer c.expect(c.outcome.negated())()
	holds := c.condition(n.Condition)
	return func(r *run) bool { return !holds(r) }
}

// conditions compiles the parts of a condition. If the condition has the result whole,
// each of its parts has it.
func (c *compiler) conditions(list []Condition, whole outcome) []test {
	defer c.expect(c.outcome.ofParts(whole))()
	if len(list) == 0 {
		c.fail("", errors.New("want at least one condition"))
	}
	tests := make([]test, 0, len(list))
	for _, cond := range list {
		tests = append(tests, c.condition(cond))
	}
	return tests
}

// Client holds if the address of the SMTP client is in one of the networks. It
// does not hold for a client without an address, such as a client on a unix
// socket.
type Client struct {
	// Networks are addresses and prefixes, such as 192.0.2.1, 10.0.0.0/8
	// and ::1. IPv4-mapped IPv6 addresses (::ffff:192.0.2.1) count as IPv4,
	// in Networks and as the client's address.
	Networks []string
}

func (cl Client) compile(c *compiler) test {
	c.needs.connect = true
	if len(cl.Networks) == 0 {
		c.fail("Networks", errors.New("want at least one network"))
	}
	nets := make([]netip.Prefix, 0, len(cl.Networks))
	for i, text := range cl.Networks {
		p, err := network(text)
		if err != nil {
			c.failItem("Networks", i, err)
		} else if !strings.Contains(text, "/") && (strings.HasSuffix(text, ".0") || strings.HasSuffix(text, "::")) && text != "::" {
			c.warn(item("Networks", i), "%s is one address; a network has a prefix length, as in %s/24", text, text)
		}
		nets = append(nets, p)
	}
	return func(r *run) bool {
		addr := r.client().addr.WithZone("")
		for _, p := range nets {
			if p.Contains(addr) {
				return true
			}
		}
		return false
	}
}

func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, fmt.Errorf("%q is neither an address nor a network%s", text, networkHint(text))
	case p != p.Masked():
		return p, fmt.Errorf("%q has bits set after its prefix; the network is %v", text, p.Masked())
	case p.Addr().Is4In6(): // a shorter prefix than 96 would have bits set after it
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits), nil
	}
	return p, nil
}

// networkHint says what to write instead of a text that is no network.
func networkHint(text string) string {
	if strings.ContainsFunc(text, unicode.IsLetter) && !strings.Contains(text, ":") {
		return "; a client's name is matched by macro: {name: client_name, match: …}"
	}
	return ", such as 192.0.2.1 or 192.0.2.0/24"
}

// mappedBits is the length of the prefix of IPv4-mapped IPv6 addresses.
const mappedBits = 96

// Authenticated holds if the client has logged in, that is, if the macro
// {auth_authen} is not empty.
type Authenticated struct{}

func (Authenticated) compile(c *compiler) test {
	m, err := c.macro("auth_authen")
	if err != nil {
		c.fail("", err)
	}
	return func(r *run) bool { return r.macro(m) != "" }
}

// Helo holds if the name that the client gave in HELO or EHLO matches.
type Helo struct {
	// Match is a pattern.
	Match string
}

func (h Helo) compile(c *compiler) test {
	c.needs.helo = true
	re, keep := c.requiredPattern("Match", h.Match), c.keep
	return func(r *run) bool { return r.matches(re, r.client().helo, keep) }
}

// Macro holds if the value of a macro of the MTA matches.
type Macro struct {
	// Name is the name of the macro, with or without braces. If this
	// package does not know the macro, [Config.Macros] must name its stage.
	Name string
	// Match is a pattern. If empty, every value but the empty one matches.
	Match string
}

func (m Macro) compile(c *compiler) test {
	name, err := c.macro(m.Name)
	if err != nil {
		c.fail("Name", err)
	}
	re, keep := c.pattern("Match", m.Match), c.keep
	return func(r *run) bool {
		text := r.macro(name)
		if re == nil {
			return text != ""
		}
		return r.matches(re, text, keep)
	}
}

// Size holds if the size of the message is in a range. To count the bytes of
// header and body, the filter requests both from the MTA. The size that the
// client declares may be wrong and is not used. Size sees the header with the
// changes of the rules before it. Each field counts with its name, the colon,
// one space, its value, and two bytes for each line end.
type Size struct {
	// Over and Under are exclusive limits in bytes: the message must be
	// larger than Over and smaller than Under. If Under is 0, there is no
	// upper limit.
	Over, Under int64
}

func (s Size) compile(c *compiler) test {
	c.needs.headers, c.needs.body = true, true
	if s.Over < 0 || s.Under < 0 || s.Under > 0 && s.Under-1 <= s.Over || s.Over == 0 && s.Under == 0 {
		c.fail("", fmt.Errorf("no valid size range: over %d, under %d", s.Over, s.Under))
	}
	return func(r *run) bool {
		n := r.size()
		return n > s.Over && (s.Under == 0 || n < s.Under)
	}
}
