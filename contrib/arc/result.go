package arc

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework"
)

// Status is the state of a chain (RFC 8617 section 4.4). A DNS that does not answer is a [Fail]:
// see Result.TempError.
type Status string

// The values of Status.
const (
	None Status = "none" // the message has no chain
	Pass Status = "pass" // the chain is valid
	Fail Status = "fail" // it is not
)

// Result is the result for the chain of a message. Its strings, except for those in Set.Results,
// are safe to display: they are checked values or texts of this package.
type Result struct {
	// Status is the state of the chain.
	Status Status
	// Reason explains a Fail: it names the instance and the field.
	Reason string
	// TempError reports whether the chain fails because a key could not be looked up in time.
	// RFC 8617 section 5.2.1 calls that a failure, but a later attempt may have another result.
	TempError bool
	// Instances is the highest instance that a field of the chain has, or 0.
	Instances int
	// Sets are the sets of the chain, the oldest first. They are nil if the chain has no
	// valid structure. Unless Status is Pass, anyone may have written them.
	Sets []Set
	// OldestPass is the instance since which no sealer has changed what its predecessor had
	// signed: the oldest one whose ARC-Message-Signature is valid together with all newer
	// ones. It is 0 if those of all instances are valid (RFC 8617 section 5.2), and if Status
	// is not Pass.
	OldestPass int
}

// Set is what one sealer has added to the chain.
type Set struct {
	// Instance is the place in the chain, from 1.
	Instance int
	// Domain and Selector are the tags d= and s= of the ARC-Seal: who has sealed. Signer is
	// d= of the ARC-Message-Signature, which is usually equal, or "" if it is malformed.
	Domain, Selector, Signer string
	// Chain is what the sealer has found out about the chain before it (cv=).
	Chain Status
	// Time is when the chain was sealed, or zero.
	Time time.Time
	// Results are what the sealer has found out about the message. Trust them only if Status
	// is Pass, and if you trust the sealer. Values are as a host has written them.
	Results authres.Field
	// ResultsError is the error of [authres.Parse] for Results. They are incomplete then, and
	// other programs may read them differently.
	ResultsError error
}

// resultKey is the key of the result of a message among the values of its context.
type resultKey struct{}

// ResultsOf returns the result of a message, for a filter that is mounted behind the verifier in
// the same router and needs it at the end of the message. It returns false before the verifier
// has done its work, and if none is mounted. If several are, the result is that of the last. It
// must not be modified.
func ResultsOf(s *framework.Session) (Result, bool) {
	r, ok := s.ContextValue(resultKey{}).(*Result)
	if !ok {
		return Result{}, false
	}
	return *r, true
}

// Authres returns the result in the form of an Authentication-Results field: RFC 8617 section
// 10.2 defines the properties. The property arc.chain, which OpenARC has introduced, names the
// sealers, the newest first. The address of the client may be invalid; then it is not written.
func (r *Result) Authres(client netip.Addr) authres.Result {
	result := authres.Result{Method: "arc", Value: string(r.Status), Reason: r.Reason}
	if r.Status == None {
		return result
	}
	if client.IsValid() {
		result.Properties = append(result.Properties, authres.Property{Type: "smtp", Name: "remote-ip", Value: client.Unmap().WithZone("").String()})
	}
	if r.Status == Pass {
		result.Properties = append(result.Properties,
			authres.Property{Type: "header", Name: "oldest-pass", Value: strconv.Itoa(r.OldestPass)},
			authres.Property{Type: "arc", Name: "chain", Value: r.chain()})
	}
	return result
}

// chain returns the domains of the sealers, the newest first.
func (r *Result) chain() string {
	var domains strings.Builder
	for _, set := range slices.Backward(r.Sets) {
		if domains.Len() > 0 {
			domains.WriteByte(':')
		}
		domains.WriteString(set.Domain)
	}
	return domains.String()
}
