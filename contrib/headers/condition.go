package headers

import (
	"errors"
	"fmt"
	"net/netip"
)

// All holds when all of its conditions do.
type All []Condition

// Any holds when one of its conditions does.
type Any []Condition

// Not holds when its condition does not.
type Not struct{ Condition Condition }

func (a All) compile(c *compiler) test {
	tests := c.conditions(a)
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
	tests := c.conditions(a)
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
	holds := c.condition(n.Condition)
	return func(r *run) bool { return !holds(r) }
}

func (c *compiler) conditions(list []Condition) []test {
	if len(list) == 0 {
		c.fail("", errors.New("there is no condition in it"))
	}
	tests := make([]test, 0, len(list))
	for _, cond := range list {
		tests = append(tests, c.condition(cond))
	}
	return tests
}

// Client holds for clients with an address in one of the networks. It does not
// for a client without an address, such as one on a unix socket.
type Client struct {
	// Networks are addresses and prefixes: 192.0.2.1, 10.0.0.0/8, ::1. A
	// client or a network of IPv4 that is written in IPv6 (::ffff:192.0.2.1)
	// is of IPv4.
	Networks []string
}

func (cl Client) compile(c *compiler) test {
	c.needs.connect = true
	if len(cl.Networks) == 0 {
		c.fail("Networks", errors.New("there is no network"))
	}
	nets := make([]netip.Prefix, 0, len(cl.Networks))
	for i, text := range cl.Networks {
		p, err := network(text)
		if err != nil {
			c.failItem("Networks", i, err)
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
		return p, fmt.Errorf("%q is neither an address nor a network", text)
	case p != p.Masked():
		return p, fmt.Errorf("%q has bits behind its prefix; the network is %v", text, p.Masked())
	case p.Addr().Is4In6(): // its prefix is longer than 96, or bits would be behind it
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped), nil
	}
	return p, nil
}

// mapped is how many bits of an IPv6 address say that it is one of IPv4.
const mapped = 96

// Authenticated holds when the client has logged in: the macro {auth_authen}
// is there and not empty.
type Authenticated struct{}

func (Authenticated) compile(c *compiler) test {
	m, err := c.macro("auth_authen")
	if err != nil {
		c.fail("", err)
	}
	return func(r *run) bool { return r.macro(m) != "" }
}

// Helo holds when the client's name for itself matches.
type Helo struct {
	// Match is a pattern.
	Match string
}

func (h Helo) compile(c *compiler) test {
	c.needs.helo = true
	re, keep := c.needed("Match", h.Match), c.keep
	return func(r *run) bool { return r.matches(re, r.client().helo, keep) }
}

// Macro holds when a macro of the MTA has a value that matches.
type Macro struct {
	// Name may have its braces or not. [Config.Macros] names the stage of
	// one that is not widely known.
	Name string
	// Match is a pattern; "" matches every value but the empty one.
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

// Size holds for messages in a range of sizes. It has the MTA show header and
// body, for the size that a client declares need not be true. A field counts
// with its name, colon, one space, value, and two bytes for each end of a line,
// as the rules before have left it.
type Size struct {
	// Over and Under are bytes, which the message has more of, and less of.
	// An Under of zero is no limit.
	Over, Under int64
}

func (s Size) compile(c *compiler) test {
	c.needs.headers, c.needs.body = true, true
	if s.Over < 0 || s.Under < 0 || s.Under > 0 && s.Under-1 <= s.Over || s.Over == 0 && s.Under == 0 {
		c.fail("", fmt.Errorf("no size is over %d and under %d", s.Over, s.Under))
	}
	return func(r *run) bool {
		n := r.size()
		return n > s.Over && (s.Under == 0 || n < s.Under)
	}
}
