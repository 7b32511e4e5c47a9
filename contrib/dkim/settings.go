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

// settings is a compiled configuration. It is immutable. Reload replaces it.
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

// report calls Config.Observe, if set. It computes the class of the event,
// which only Observe needs.
func (s *settings) report(e Event, fields []Field) {
	if s.observe == nil {
		return
	}
	if e.Kind == EventSigned || e.Kind == EventVerified {
		e.Class = classOf(e.Domain, fields)
	}
	s.observe(e)
}

// trust is the compiled form of [Trust].
type trust struct {
	networks      []netip.Prefix
	except        []netip.Prefix
	authenticated bool
	ownDomain     bool
	macros        map[string][]string
}

func newTrust(c *Trust) trust {
	t := trust{
		networks: unmapped(c.Networks), except: unmapped(c.Except),
		authenticated: !c.NotAuthenticated, ownDomain: c.OwnDomain, macros: make(map[string][]string),
	}
	if t.networks == nil {
		t.networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	for name, values := range c.Macros {
		t.macros[macroName(name)] = slices.Clone(values)
	}
	return t
}

// trustsLogin reports whether mail of these authors may be signed because the
// client has logged in as user.
func (t *trust) trustsLogin(user string, from []string) bool {
	if user == "" || !t.authenticated {
		return false
	}
	_, own := splitAddress(asciiAddress(user))
	return !t.ownDomain || own == "" || !slices.ContainsFunc(from, func(author string) bool {
		_, domain := splitAddress(author)
		return !within(domain, own)
	})
}

// macroName returns the name of a macro without its braces.
func macroName(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(name, "{"), "}")
}

// names returns the names of the macros in alphabetical order.
func (t *trust) names() []string { return slices.Sorted(maps.Keys(t.macros)) }

// unmapped converts IPv4-mapped IPv6 networks to IPv4, because contains
// compares unmapped addresses. It returns nil for nil.
func unmapped(networks []netip.Prefix) []netip.Prefix {
	out := slices.Clone(networks)
	for i, p := range out {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			out[i] = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
	}
	return out
}

// contains reports whether networks contain an address. The address may be an
// IPv4-mapped IPv6 address.
func contains(networks []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}
