package dkim

import (
	"errors"
	"fmt"
	"strings"
)

// String returns the action's name, as configurations have it.
func (a Action) String() string {
	names := [...]string{"accept", "quarantine", "tempfail", "reject"}
	if int(a) < len(names) {
		return names[a]
	}
	return fmt.Sprintf("action %d", uint8(a))
}

// ParseAction is the inverse of [Action.String].
func ParseAction(name string) (Action, error) {
	for a := Accept; a <= Reject; a++ {
		if a.String() == name {
			return a, nil
		}
	}
	return Accept, errors.New("want accept, quarantine, tempfail or reject")
}

// policyFor returns the policy for an author's domain: its own, that of the
// nearest domain above it, or the one for all.
func (v *verifying) policyFor(domain string) Policy {
	domain = strings.ToLower(domain)
	if p, ok := v.policies[domain]; ok {
		return p
	}
	for rest := domain; ; {
		i := strings.IndexByte(rest, '.')
		if i < 0 {
			return v.policies["*"]
		}
		if p, ok := v.policies[rest[i:]]; ok {
			return p
		}
		rest = rest[i+1:]
	}
}

// judge returns what the policies make of a message: the gravest action that
// one of its authors' domains is for. A message without an author that can be
// read is one of an unknown domain.
func (v *verifying) judge(fields []Field, results []Result) (Action, string) {
	if len(v.policies) == 0 {
		return Accept, ""
	}
	domains := authorDomains(fields)
	if len(domains) == 0 {
		domains = []string{""}
	}
	worst, reason := Accept, ""
	for _, domain := range domains {
		if a, why := v.policyFor(domain).judge(domain, results); a > worst {
			worst, reason = a, why
		}
	}
	return worst, reason
}

// judge applies a policy to the results of a domain's signatures.
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
