package dkim

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// settings is what a configuration comes to. It does not change; Reload puts
// another in its place.
type settings struct {
	trust     trust
	signing   *signing   // nil in a filter that only verifies
	verifying *verifying // nil in a filter that only signs
	observe   func(Event)
}

func compile(c *Config, signs, verifies bool) (*settings, error) {
	now := c.Now
	if now == nil {
		now = time.Now
	}
	s := &settings{trust: newTrust(&c.Trust), observe: c.Observe}
	var errs []error
	if signs {
		var err error
		s.signing, err = newSigning(&c.Signing, now)
		errs = append(errs, err)
	}
	if verifies {
		var err error
		s.verifying, err = newVerifying(&c.Verifying, now)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	return s, nil
}

// report calls the observer, if there is one. The class is made for it alone.
func (s *settings) report(e Event, fields []Field) {
	if s.observe == nil {
		return
	}
	if e.Kind == EventSigned || e.Kind == EventVerified {
		e.Class = classOf(e.Domain, fields)
	}
	s.observe(e)
}

// trust is what the Trust part of a configuration comes to.
type trust struct {
	networks  []netip.Prefix
	except    []netip.Prefix
	authed    bool
	ownDomain bool
	macros    map[string][]string
}

func newTrust(c *Trust) trust {
	t := trust{
		networks: unmapped(c.Networks), except: unmapped(c.Except),
		authed: !c.NotAuthenticated, ownDomain: c.OwnDomain, macros: make(map[string][]string),
	}
	if t.networks == nil {
		t.networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	for name, values := range c.Macros {
		t.macros[macroName(name)] = slices.Clone(values)
	}
	return t
}

// takes reports whether mail of a client who has logged in with a name is ours.
func (t *trust) takes(user string, from []string) bool {
	if user == "" || !t.authed {
		return false
	}
	_, own := splitAddress(asciiAddress(user))
	return !t.ownDomain || own == "" || !slices.ContainsFunc(from, func(author string) bool {
		_, domain := splitAddress(author)
		return !within(domain, own)
	})
}

// macroName returns a macro's name without its braces.
func macroName(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(name, "{"), "}")
}

// names returns the names of the macros, in order.
func (t *trust) names() []string { return slices.Sorted(maps.Keys(t.macros)) }

// unmapped returns networks with those of IPv4 addresses in their IPv6 form as
// what they are, for so are the addresses that they are asked for. Nil stays so.
func unmapped(networks []netip.Prefix) []netip.Prefix {
	out := slices.Clone(networks)
	for i, p := range out {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			out[i] = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
	}
	return out
}

// holds reports whether networks hold an address. An IPv4 address may come in
// its IPv6 form.
func holds(networks []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}
