package dmarc

import (
	"fmt"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework"
)

// Outcome is the result for a message, and what the filter makes of it. Its strings are safe to
// display.
type Outcome struct {
	// Result is the result. If the message was not evaluated, its status is StatusNone.
	Result
	// Skipped says why the message was not evaluated, such as because the client has logged
	// in. It is "" if the message was evaluated.
	Skipped string
	// Override says why a message that fails is accepted all the same, or is nil. The status
	// stays StatusFail.
	Override *Override
	// Action is what the filter did, or would have done without Config.DryRun.
	Action Action
	// DryRun is that of the configuration.
	DryRun bool
}

// Override is the reason for an exception from the policy of a domain.
type Override struct {
	Type OverrideType
	// Comment says which forwarder or sealer is trusted, and why it is the one.
	Comment string
}

// OverrideType is the kind of an exception, in the words of aggregate reports (RFC 9990).
type OverrideType string

// Values of OverrideType.
const (
	// LocalPolicy is for a chain of ARC whose sealer is trusted (RFC 8617 section 7.2.2).
	LocalPolicy OverrideType = "local_policy"
	// TrustedForwarder is for a [Forwarder].
	TrustedForwarder OverrideType = "trusted_forwarder"
	// MailingList is for a [Forwarder] that is a mailing list.
	MailingList OverrideType = "mailing_list"
)

// Disposition returns what was done with the message, in the words of aggregate reports (RFC
// 9990): PolicyReject if it was refused, PolicyQuarantine for [Hold] and [AddField], and
// PolicyNone otherwise. It may be milder than Policy, because of Override or because the
// configured action is.
func (o *Outcome) Disposition() Policy {
	switch {
	case o.DryRun:
		return PolicyNone
	case o.Action == Reject:
		return PolicyReject
	case o.Action == Hold, o.Action == AddField:
		return PolicyQuarantine
	default:
		return PolicyNone
	}
}

// AuthRes returns the outcome in the form of an Authentication-Results field: see
// [Result.AuthRes]. The reason names an exception.
func (o *Outcome) AuthRes() authres.Result {
	r := o.Result.AuthRes()
	if o.Override != nil {
		r.Reason = fmt.Sprintf("%s: %s; %s", o.Override.Type, o.Override.Comment, r.Reason)
	}
	return r
}

// resultsKey is the key of the outcome of a message among the values of its context.
type resultsKey struct{}

// ResultsOf returns the outcome of a message, for a filter that is mounted behind this one in the
// same router and needs it at the end of the message. It returns false before the filter has
// done its work, and if no such filter is mounted. If several are, the outcome is that of the
// last. It must not be modified.
func ResultsOf(s *framework.Session) (*Outcome, bool) {
	o, ok := s.ContextValue(resultsKey{}).(*Outcome)
	return o, ok
}
