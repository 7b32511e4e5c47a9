package dkim

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sluicemail/sluice/contrib/internal/hostid"
	"github.com/sluicemail/sluice/contrib/internal/signed"
)

// verifying is the compiled form of [Verifying].
type verifying struct {
	id            string
	also          []string
	relays        []netip.Prefix
	noField       bool
	resolver      Resolver
	records       *RecordCache
	timeout       time.Duration
	maxSignatures int
	minBits       int
	bodyLength    BodyLength
	skew          time.Duration
	policies      map[string]Policy
	now           func() time.Time
}

func newVerifying(c *Verifying, now func() time.Time) (*verifying, error) {
	v := &verifying{
		id: c.AuthservID, also: slices.Clone(c.AlsoRemove), relays: unmapped(c.Relays), noField: c.NoField, resolver: c.Resolver, records: NewRecordCache(),
		timeout: cmp.Or(c.Timeout, 10*time.Second), maxSignatures: cmp.Or(c.MaxSignatures, 10),
		minBits: cmp.Or(c.MinBits, MinBits), bodyLength: c.BodyLength, skew: cmp.Or(c.Skew, 5*time.Minute),
		policies: make(map[string]Policy, len(c.Policies)), now: now,
	}
	var errs []error
	switch {
	case c.Resolver == nil:
		errs = append(errs, errors.New("verifying needs a resolver"))
	case v.minBits < MinBits:
		errs = append(errs, fmt.Errorf("the minimum size of RSA keys is less than %d bits", MinBits))
	case v.maxSignatures < 0 || v.timeout < 0 || v.skew < 0:
		errs = append(errs, errors.New("the maximum number of signatures, the timeout or the skew is negative"))
	}
	errs = append(errs, hostid.Check(c.AuthservID, c.AlsoRemove))
	for name, p := range c.Policies {
		domain := asciiDomain(name)
		if domain != "*" && !isDomain(strings.TrimPrefix(domain, ".")) {
			errs = append(errs, fmt.Errorf("a policy for %q, which is not a domain", name))
		}
		if _, there := v.policies[domain]; there {
			errs = append(errs, fmt.Errorf("two policies for %q", domain))
		}
		v.policies[domain] = p.complete()
	}
	return v, errors.Join(errs...)
}

// quarantines reports whether a policy may quarantine a message.
func (v *verifying) quarantines() bool {
	for _, p := range v.policies {
		if p.Unsigned == Quarantine || p.Fail == Quarantine || p.TempError == Quarantine {
			return true
		}
	}
	return false
}

// begin selects the signatures to verify and requests the body hashes that they
// need. The header must be complete.
func (v *verifying) begin(ctx context.Context, fields []Field, sums *signed.Bodies) *verification {
	m := &verification{v: v, fields: fields}
	for _, i := range m.pick(ctx) {
		c := v.newCheck(fields, i)
		if c.result.Status == "" {
			c.body = sums.Request(c.sig.body)
		}
		m.checks = append(m.checks, c)
	}
	return m
}

func (v *verifying) newCheck(fields []Field, i int) check {
	sig, err := parseSignature(fields, i)
	c := check{sig: sig, result: Result{
		Domain: sig.domain, Selector: sig.selector, AUID: sig.auid, Headers: sig.names, Time: sig.time, Expires: sig.expires,
	}}
	if sig.kind != "" {
		c.result.Algorithm = sig.kind + "-" + sig.hashName
	}
	if len(sig.signed) > 0 {
		c.result.Signature = base64.StdEncoding.EncodeToString(sig.signed)[:min(8, len(sig.signed))]
	}
	now := v.now()
	switch {
	case err != nil:
		c.set(statusOf(err), err.Error())
	case sig.hashName != "sha256":
		c.set(StatusPolicy, "SHA-1 is not accepted")
	case !sig.expires.IsZero() && now.After(sig.expires.Add(v.skew)):
		c.set(StatusFail, "signature expired")
	case sig.time.After(now.Add(v.skew)):
		c.set(StatusFail, "signed in the future")
	case sig.body.Limit >= 0 && v.bodyLength == BodyLengthRefuse:
		c.set(StatusPolicy, "body length tag is not accepted")
	}
	return c
}

// policyFor returns the policy for the domain of an author: the policy for the
// domain itself, the policy for subdomains of the nearest domain above it, or
// the policy for "*".
func (v *verifying) policyFor(domain string) Policy {
	domain = strings.ToLower(domain)
	if p, ok := v.policies[domain]; ok {
		return p
	}
	for rest := domain; ; {
		i := strings.IndexByte(rest, '.')
		if i < 0 {
			return v.policies["*"].complete()
		}
		if p, ok := v.policies[rest[i:]]; ok {
			return p
		}
		rest = rest[i+1:]
	}
}

// judge applies the policies to a message. If the authors have several domains,
// judge returns the most severe action and its reason. If it is unclear which domains
// readers show as the authors', the most severe of all policies applies. Otherwise a
// sender could evade a policy with a malformed From field.
func (v *verifying) judge(fields []Field, results []Result) (Action, string) {
	if len(v.policies) == 0 {
		return Accept, ""
	}
	worst, reason := Accept, ""
	domains, sure := shownDomains(fields)
	if !sure {
		worst, reason = v.strictest(), "its From does not clearly show its author's domain"
	}
	for _, domain := range domains {
		if a, why := v.policyFor(domain).judge(domain, results); a > worst {
			worst, reason = a, why
		}
	}
	return worst, reason
}

// strictest returns the most severe action that a policy has for a message without
// a valid signature.
func (v *verifying) strictest() Action {
	worst := Accept
	for _, p := range v.policies {
		worst = max(worst, p.Unsigned, p.Fail)
	}
	return worst
}

// complete returns the policy with its defaults.
func (p Policy) complete() Policy {
	p.Unsigned = cmp.Or(p.Unsigned, Accept)
	p.Fail = cmp.Or(p.Fail, p.Unsigned)
	p.TempError = cmp.Or(p.TempError, Accept)
	return p
}

// judge applies a policy to the results for the signatures of a domain.
func (p Policy) judge(domain string, results []Result) (Action, string) {
	var failed, unknown bool
	for _, r := range results {
		switch {
		case r.Testing || r.Domain == "" || !within(domain, r.Domain):
		case r.Status == StatusPass:
			return Accept, ""
		case r.Status == StatusTempError:
			unknown = true
		default:
			failed = true
		}
	}
	switch {
	case unknown:
		return p.TempError, "its DKIM signature cannot be verified now"
	case failed:
		return p.Fail, "its DKIM signature is not valid"
	default:
		return p.Unsigned, "it has no DKIM signature of its author's domain"
	}
}
