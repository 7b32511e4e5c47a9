package spf

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// Limits of a check (RFC 7208 section 4.6.4).
const (
	maxTerms = 10 // terms that need a lookup, also in the records that a record includes
	maxHosts = 10 // hosts of one mx, and names of one address
	maxVoid  = 2  // terms whose names do not exist
)

// check is a check of one identity: the function check_host (RFC 7208 section 4), with all
// records that it includes.
type check struct {
	dns           *resolver.Resolver
	ip            netip.Addr
	helo          string
	local, domain string // of the sender
	receiver      string

	terms, void int      // used so far
	names       []string // the validated names of ip
	namesKnown  bool
	unanswered  *failure // set if this host has given up the lookup of a name
}

// found is the result of a record.
type found struct {
	status    Status
	mechanism string
	reason    string // for None
	domain    string // of the record that decided, which may be one of redirect
	record    *record
}

// failure ends a check with TempError or PermError.
type failure struct {
	status Status
	reason string
	ours   bool // this host had no time or no place for a lookup
}

func permError(format string, args ...any) *failure {
	return &failure{status: PermError, reason: fmt.Sprintf(format, args...)}
}

// host evaluates the record of a domain.
func (c *check) host(ctx context.Context, domain string) (found, *failure) {
	text, reason, err := c.record(ctx, domain)
	if err != nil || text == "" {
		return found{status: None, reason: reason}, err
	}
	rec, wrong := parseRecord(text)
	if wrong != nil {
		return found{}, permError("record of %s: %s", domain, strings.TrimPrefix(wrong.Error(), "spf: "))
	}
	for d := range rec.directives() {
		matches, err := c.matches(ctx, &d, domain)
		if err != nil {
			return found{}, err
		}
		if matches {
			return found{status: d.result, mechanism: d.text, domain: domain, record: rec}, nil
		}
	}
	if rec.redirect != "" {
		return c.redirect(ctx, rec, domain)
	}
	return found{status: Neutral, mechanism: "default", domain: domain, record: rec}, nil
}

// record returns the text of the record of a domain, or "" and the reason why there is none.
func (c *check) record(ctx context.Context, domain string) (text, reason string, err *failure) {
	if strings.IndexByte(domain, '.') < 0 {
		return "", "the domain has only one label", nil
	}
	texts, failed := c.dns.LookupTXT(ctx, domain)
	if failed != nil && !isVoid(failed) {
		return "", "", lookupFailure(failed, "TXT", domain)
	}
	for _, t := range texts {
		if !isRecord(t) {
			continue
		}
		if text != "" {
			return "", "", permError("%s has several records", domain)
		}
		text = t
	}
	return text, domain + " has no record", nil
}

// redirect evaluates the record of another domain in place of this one.
func (c *check) redirect(ctx context.Context, rec *record, domain string) (found, *failure) {
	if err := c.countTerm(); err != nil {
		return found{}, err
	}
	target := c.target(ctx, rec.redirect, domain)
	f, err := c.host(ctx, target)
	if err == nil && f.status == None {
		return f, permError("redirect=%s: %s", target, f.reason)
	}
	return f, err
}

// countTerm counts a term that needs a lookup.
func (c *check) countTerm() *failure {
	if c.terms++; c.terms > maxTerms {
		return permError("more than %d terms need a lookup", maxTerms)
	}
	return nil
}

// countVoid counts a term whose name does not exist, or has no records of the type.
func (c *check) countVoid() *failure {
	if c.void++; c.void > maxVoid {
		return permError("more than %d names have no records", maxVoid)
	}
	return nil
}

// matches reports whether a mechanism of the record of a domain matches.
func (c *check) matches(ctx context.Context, d *directive, domain string) (bool, *failure) {
	switch d.mechanism {
	case "all":
		return true, nil
	case "ip4", "ip6":
		return d.network.Contains(c.ip), nil
	}
	if err := c.countTerm(); err != nil {
		return false, err
	}
	target := c.target(ctx, d.target, domain)
	switch d.mechanism {
	case "include":
		return c.include(ctx, target)
	case "a":
		addrs, err := c.addrs(ctx, target, c.ip.Is4(), true)
		return c.inAny(d, addrs), err
	case "mx":
		return c.mx(ctx, d, target)
	case "ptr":
		return c.ptr(ctx, target)
	default: // exists
		addrs, err := c.addrs(ctx, target, true, true)
		return len(addrs) > 0, err
	}
}

// include reports whether the record of another domain lets the client pass.
func (c *check) include(ctx context.Context, target string) (bool, *failure) {
	f, err := c.host(ctx, target)
	if err == nil && f.status == None {
		return false, permError("include:%s: %s", target, f.reason)
	}
	return f.status == Pass, err
}

// mx reports whether the client is one of the mail exchangers of a domain.
func (c *check) mx(ctx context.Context, d *directive, target string) (bool, *failure) {
	exchangers, failed := c.dns.LookupMX(ctx, target)
	switch {
	case isVoid(failed):
		return false, c.countVoid()
	case failed != nil:
		return false, lookupFailure(failed, "MX", target)
	case len(exchangers) > maxHosts:
		return false, permError("%s has more than %d mail exchangers", target, maxHosts)
	}
	for _, mx := range exchangers {
		if mx.Host == "" {
			continue
		}
		// A host without an address of the client's version is usual, and not void.
		addrs, err := c.addrs(ctx, mx.Host, c.ip.Is4(), false)
		if err != nil || c.inAny(d, addrs) {
			return err == nil, err
		}
	}
	return false, nil
}

// ptr reports whether the client has a name in a domain.
func (c *check) ptr(ctx context.Context, target string) (bool, *failure) {
	for _, name := range c.validated(ctx) {
		if isWithin(name, target) {
			return true, nil
		}
	}
	return false, c.unanswered
}

// validated returns the names of the client that have the address of the client. A name for
// which the DNS fails is left out (RFC 7208 section 5.5). That does not hold if this host has
// given up the lookup: the mechanism ptr has no result then. Names that do not exist are not
// counted: the owner of the address chooses them, and not the owner of the record.
func (c *check) validated(ctx context.Context) []string {
	if c.namesKnown {
		return c.names
	}
	c.namesKnown = true
	names, failed := c.dns.LookupPTR(ctx, c.ip)
	if failed != nil && !isVoid(failed) {
		c.leaveOut(lookupFailure(failed, "PTR", c.ip.String()))
	}
	for _, name := range names[:min(len(names), maxHosts)] {
		addrs, err := c.addrs(ctx, name, c.ip.Is4(), false)
		c.leaveOut(err)
		if slices.Contains(addrs, c.ip) {
			c.names = append(c.names, name)
		}
	}
	return c.names
}

// leaveOut keeps the failure of a lookup for names of the client, if it is one of this host.
func (c *check) leaveOut(err *failure) {
	if err != nil && err.ours {
		c.unanswered = err
	}
}

// isWithin reports whether a name is a domain or below it.
func isWithin(name, domain string) bool {
	rest, ok := strings.CutSuffix(strings.ToLower(name), strings.ToLower(strings.TrimSuffix(domain, ".")))
	return ok && (rest == "" || strings.HasSuffix(rest, "."))
}

// addrs returns the addresses of a host, of version 4 or 6. There are none if it does not
// exist, and if its name cannot be one, as after the expansion of a macro.
func (c *check) addrs(ctx context.Context, host string, is4, countVoid bool) ([]netip.Addr, *failure) {
	lookup, kind := c.dns.LookupAAAA, "AAAA"
	if is4 {
		lookup, kind = c.dns.LookupA, "A"
	}
	addrs, failed := lookup(ctx, host)
	switch {
	case isVoid(failed) && countVoid:
		return nil, c.countVoid()
	case isVoid(failed), failed == nil:
		return addrs, nil
	default:
		return nil, lookupFailure(failed, kind, host)
	}
}

// inAny reports whether the client is in the network of one of the addresses.
func (c *check) inAny(d *directive, addrs []netip.Addr) bool {
	bits := d.bits6
	if c.ip.Is4() {
		bits = d.bits4
	}
	for _, addr := range addrs {
		if netip.PrefixFrom(addr, bits).Contains(c.ip) {
			return true
		}
	}
	return false
}

// isVoid reports whether the DNS says that there are no such records.
func isVoid(err error) bool {
	return errors.Is(err, resolver.ErrNXDomain) || errors.Is(err, resolver.ErrNoData) || errors.Is(err, resolver.ErrName)
}

// lookupFailure returns the result of a check whose lookup has failed.
func lookupFailure(err error, kind, name string) *failure {
	f := &failure{status: TempError}
	reason := "no answer from the DNS"
	switch {
	case errors.Is(err, resolver.ErrTooLarge):
		f.status, reason = PermError, resolver.ErrTooLarge.Error()
	case errors.Is(err, resolver.ErrServer):
		reason = resolver.ErrServer.Error()
	case errors.Is(err, resolver.ErrBusy):
		f.ours, reason = true, resolver.ErrBusy.Error()
	default: // the time is over
		f.ours = true
	}
	f.reason = fmt.Sprintf("%s %s: %s", kind, name, reason)
	return f
}
