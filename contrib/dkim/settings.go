package dkim

import (
	"errors"
	"fmt"
	"log/slog"
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
	level     slog.Level
	observe   func(Event)
	optional  wishes
}

func compile(c *Config, signs, verifies bool) (*settings, error) {
	now := c.Now
	if now == nil {
		now = time.Now
	}
	s := &settings{trust: newTrust(&c.Trust), level: c.LogLevel, observe: c.Observe}
	s.optional = wishes{signing: signs && c.Signing.Optional, results: verifies && c.Verifying.Optional && !c.Verifying.NoField}
	var errs []error
	if signs {
		err := checkMacros(c.Trust.Macros)
		errs = append(errs, err)
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

// checkMacros returns the errors of [CheckMacro] about all macros.
func checkMacros(macros map[string][]string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(macros)) {
		errs = append(errs, CheckMacro(name, macros[name]))
	}
	return errors.Join(errs...)
}

// CheckMacro returns an error for an entry of Trust.Macros that no message can
// match: for a name that no macro has, for an empty list of values, and for a
// value that is empty. New refuses such entries.
func CheckMacro(name string, values []string) error {
	bare := macroName(name)
	switch {
	case bare == "" || strings.ContainsFunc(bare, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("{},", r) }):
		return fmt.Errorf("%q is not the name of a macro; want a name such as {daemon_name}", name)
	case values != nil && len(values) == 0:
		return fmt.Errorf("the macro %q has an empty list of values, which no message matches; leave the list out to match any value", name)
	case slices.Contains(values, ""):
		return fmt.Errorf("the macro %q has an empty value; leave the values out to match any value", name)
	default:
		return nil
	}
}

// trustsMacro reports whether a macro has one of the values that the
// configuration wants, or any value if it names none.
func (t *trust) trustsMacro(name, value string) bool {
	values := t.macros[name]
	return values == nil && value != "" || slices.Contains(values, value)
}

// admits reports whether the networks contain an address. If one of the
// exceptions contains it too, the longer prefix decides, as in OpenDKIM, and the
// exception if both are equal.
func (t *trust) admits(addr netip.Addr) bool {
	in, out := longest(t.networks, addr), longest(t.except, addr)
	return in > out
}

// longest returns the length of the longest prefix that contains an address, or
// -1.
func longest(networks []netip.Prefix, addr netip.Addr) int {
	addr = addr.Unmap().WithZone("")
	bits := -1
	for _, p := range networks {
		if p.Contains(addr) {
			bits = max(bits, p.Bits())
		}
	}
	return bits
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
