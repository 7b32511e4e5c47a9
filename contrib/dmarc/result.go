package dmarc

import (
	"strings"

	"github.com/sluicemail/sluice/contrib/authres"
)

// Status is the result of an evaluation (RFC 9989 section 9.2).
type Status string

// Values of Status.
const (
	// StatusPass means that a domain that SPF or DKIM has authenticated is aligned with the
	// author domain.
	StatusPass Status = "pass"
	// StatusFail means that there is a record, and no such domain.
	StatusFail Status = "fail"
	// StatusNone means that no record applies to the message.
	StatusNone Status = "none"
	// StatusTempError means that a lookup failed that could have changed the result. A
	// later attempt may succeed.
	StatusTempError Status = "temperror"
	// StatusPermError means that the message has no author domain that can be evaluated, or
	// that a lookup fails until the owner of a domain changes its records.
	StatusPermError Status = "permerror"
)

// Result is the result for a message.
type Result struct {
	// Status is the result.
	Status Status
	// Policy is what the owner of the author domain wants to be done with this message. It is
	// PolicyNone unless Status is StatusFail.
	Policy Policy
	// FailPolicy is what the owner wants to be done with messages that fail, or "" if that is
	// not known. It is the value of PolicyTag after the tag t.
	FailPolicy Policy
	// PolicyTag is the tag that FailPolicy comes from: "p", "sp" or "np".
	PolicyTag string

	// AuthorDomain is the domain of the author that the result is about, in the form of the
	// DNS. If the text in its place is not a domain, it is that text.
	AuthorDomain string
	// AuthorDomains are the domains of all authors. A message has one, normally. If there are
	// more, the result is the one of the domain with the worst.
	AuthorDomains []string
	// OrganizationalDomain is the organizational domain of AuthorDomain. It is "" if the
	// evaluation had no need of it: see [Discover].
	OrganizationalDomain string
	// PolicyDomain is the domain that publishes Record, or "".
	PolicyDomain string
	// Record is the record that applies to the message, or nil.
	Record *Record

	// Identities are the domains that SPF and DKIM have examined, in the order of the
	// Input, and what became of them: SPF first.
	Identities []Identity
	// Reasons are sentences that explain the result to a postmaster. The first one says what
	// decided. They are safe to display, and contain nothing that the sender should not see.
	Reasons []string
	// Queries are the queries to the DNS in their order.
	Queries []Query
	// Err is the lookup error behind StatusTempError or StatusPermError, or nil.
	Err error
}

// Identity is a domain that SPF or DKIM has examined.
type Identity struct {
	// Method is "spf" or "dkim".
	Method string
	// Result is the result of the method in lower case, such as "pass".
	Result string
	// Domain is the domain in the form of the DNS.
	Domain string
	// Selector is the selector of a DKIM signature.
	Selector string
	// Aligned is whether the identity makes the message pass: the result is pass, and the
	// domain is aligned with the author domain.
	Aligned bool
	// Mode is how the domains were compared, or "" if they were not.
	Mode Mode
	// OrganizationalDomain is the organizational domain of Domain, or "" if the comparison had
	// no need of it.
	OrganizationalDomain string
	// Explanation is a sentence that says what became of the identity.
	Explanation string
}

// Aligned returns the first identity of a method that makes the message pass, or nil. The
// method is "spf" or "dkim".
func (r *Result) Aligned(method string) *Identity {
	for i := range r.Identities {
		if id := &r.Identities[i]; id.Method == method && id.Aligned {
			return id
		}
	}
	return nil
}

// AuthRes returns the result in the form of an Authentication-Results field (RFC 8601), with the
// properties of RFC 9989 section 9.1. The reason is the first of Reasons, unless the message
// passed.
func (r *Result) AuthRes() authres.Result {
	result := authres.Result{
		Method:     "dmarc",
		Value:      string(r.Status),
		Properties: []authres.Property{{Type: "header", Name: "from", Value: r.AuthorDomain}},
	}
	if r.Status == StatusPass || r.Status == StatusFail {
		result.Properties = append(result.Properties, authres.Property{Type: "policy", Name: "dmarc", Value: string(r.FailPolicy)})
	}
	if r.Status != StatusPass && len(r.Reasons) > 0 {
		result.Reason = strings.TrimSuffix(r.Reasons[0], ".")
	}
	return result
}

// severity orders results by what a receiver should know first about a message with several
// authors (section 11.5).
func (r *Result) severity() int {
	switch {
	case r.Status == StatusFail && r.Policy == PolicyReject:
		return 6
	case r.Status == StatusFail && r.Policy == PolicyQuarantine:
		return 5
	case r.Status == StatusTempError: // the policy may be one of these
		return 4
	case r.Status == StatusPermError:
		return 3
	case r.Status == StatusFail:
		return 2
	case r.Status == StatusNone:
		return 1
	default:
		return 0
	}
}
