package spf

import (
	"net/netip"
	"strings"

	"github.com/sluicemail/sluice/framework/message"
)

// Status is the result of a check (RFC 7208 section 2.6).
type Status string

// The values of Status.
const (
	None      Status = "none"      // there is no domain to check, or it has no record
	Neutral   Status = "neutral"   // the domain says nothing about the client
	Pass      Status = "pass"      // the client may send mail for the domain
	Fail      Status = "fail"      // the client may not send mail for the domain
	SoftFail  Status = "softfail"  // the client probably may not
	TempError Status = "temperror" // the DNS has not answered: a later check may succeed
	PermError Status = "permerror" // the record of the domain is wrong
)

// Identity is what a client claims to be, and what a [Result] is about.
type Identity string

// The values of Identity.
const (
	MailFrom Identity = "mailfrom" // the domain of the envelope sender
	Helo     Identity = "helo"     // the name that the client gave with HELO
)

// Result is the result for one identity. Its strings are ASCII without control characters,
// and bounded, so that they are safe to display, but a sender may have chosen them.
type Result struct {
	Identity Identity
	Status   Status
	// Domain is the domain that was checked, in lower case and with A-labels. It is "" if
	// there is none.
	Domain string
	// Sender is the address that was checked: the envelope sender, or "postmaster" and the
	// domain. It begins with "@" if the rest is not ASCII.
	Sender string
	// Mechanism is the part of the record that decided, such as "ip4:192.0.2.0/24", or
	// "default" if none matched. It is "" for None and for errors.
	Mechanism string
	// Reason explains None, TempError and PermError.
	Reason string
	// Explanation is what the domain says about a Fail (exp=), or "".
	Explanation string
}

// Results are the results for a message.
type Results struct {
	// MailFrom is the result for the envelope sender. For the sender of a bounce ("<>") it
	// is that of Helo (RFC 7208 section 2.4).
	MailFrom Result
	// Helo is the result for the name in HELO.
	Helo Result
	// Client is the address of the client that was checked. Behind relays, it is that of the
	// client that they name. It is the zero Addr if it is not known.
	Client netip.Addr
	// Skipped says why nothing was checked, such as because the client has logged in. Both
	// results are None then. It is "" if the message was checked.
	Skipped string
	// Own means that the message was skipped because it is of this host's own users and
	// programs: the client has logged in, or is in one of Config.Networks.
	Own bool

	bounce bool // there is no envelope sender
	noHelo bool // HELO was not checked, because it was not needed
}

// HeloChecked reports whether HELO was checked with a result of its own: not for a bounce, whose
// MailFrom has the result of HELO, and not if [Query.HeloIfNeeded] found it not needed.
func (r *Results) HeloChecked() bool { return len(r.each()) > 1 }

// skipped returns the results of mail that is not checked.
func skipped(q *Query, reason string) Results {
	r := q.results()
	r.Skipped = reason
	r.MailFrom.Reason, r.Helo.Reason = reason, reason
	return r
}

// Limits of texts in results, in bytes.
const (
	maxLocal       = 128 // the local part of an address, twice what SMTP allows
	maxShown       = 400 // a whole address
	maxReason      = 200
	maxExplanation = 400 // with the reply around it, this is less than a line of SMTP
)

// shown returns a text in one line of printable ASCII, and no longer than a limit.
func shown(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	return message.CleanLine(text, most)
}
