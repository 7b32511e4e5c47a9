package spf

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
)

// Action is what a policy does with a message.
type Action uint8

// The values of Action, from the mildest to the most severe.
const (
	Accept   Action = iota // the result is written into the message, which goes on
	TempFail               // the client is told to try again
	Reject
)

// String returns the name of the action in configurations.
func (a Action) String() string {
	names := [...]string{"accept", "tempfail", "reject"}
	if int(a) < len(names) {
		return names[a]
	}
	return fmt.Sprintf("action %d", uint8(a))
}

// ParseAction returns the action with a name. It is the inverse of [Action.String].
func ParseAction(name string) (Action, error) {
	for a := Accept; a <= Reject; a++ {
		if a.String() == name {
			return a, nil
		}
	}
	return Accept, errors.New("want accept, tempfail or reject")
}

// Policy are the actions for the results of one identity. The zero value accepts all mail.
// Pass is always accepted, and so is mail that is not checked.
type Policy struct {
	// Fail is for clients that may not send mail for the domain. Mail that a forwarder
	// passes on has this result too, if the forwarder keeps the sender.
	Fail Action
	// SoftFail is for clients that probably may not. RFC 7208 section 8.5 says that this
	// alone is no reason to reject mail.
	SoftFail Action
	// None is for domains without a record, and for Neutral, which must not be treated in
	// another way (RFC 7208 section 8.2).
	None Action
	// TempError is for domains whose records cannot be looked up now.
	TempError Action
	// PermError is for domains whose records are wrong.
	PermError Action
}

// action returns the action for a result.
func (p *Policy) action(s Status) Action {
	switch s {
	case Fail:
		return p.Fail
	case SoftFail:
		return p.SoftFail
	case None, Neutral:
		return p.None
	case TempError:
		return p.TempError
	case PermError:
		return p.PermError
	default:
		return Accept
	}
}

// check returns an error for an action that there is not.
func (p *Policy) check(identity Identity) error {
	if slices.Max([]Action{p.Fail, p.SoftFail, p.None, p.TempError, p.PermError}) > Reject {
		return fmt.Errorf("the policy for %s has an unknown action", identity)
	}
	return nil
}

// judge returns the more severe of the actions for both results, and the result that it is
// for.
func (c *Config) judge(r *Results) (Action, *Result) {
	if r.Skipped != "" {
		return Accept, nil
	}
	mailFrom, helo := c.MailFrom.action(r.MailFrom.Status), c.Helo.action(r.Helo.Status)
	if helo > mailFrom {
		return helo, &r.Helo
	}
	return mailFrom, &r.MailFrom
}

// refusal returns the reply to a client whose message is refused (RFC 7208 sections 8.4, 8.6
// and 8.7, with the codes of RFC 7372, which are for a fail and for errors).
func refusal(a Action, r *Result, client string) (framework.Verdict, error) {
	code, status := 550, "5.7.1"
	switch r.Status {
	case Fail:
		status = "5.7.23"
	case TempError, PermError:
		status = "5.7.24"
	}
	if a == TempFail {
		code, status = 451, "4"+status[1:]
	}
	name := map[Identity]string{MailFrom: "MAIL FROM", Helo: "HELO"}[r.Identity]
	text := fmt.Sprintf("SPF check of %s: %s", name, r.Status)
	switch r.Status {
	case Fail:
		text += fmt.Sprintf(", %s may not send mail for %s", client, r.Domain)
	case SoftFail, Neutral:
		text += fmt.Sprintf(", %s does not authorize %s", r.Domain, client)
	default:
		text += ", " + r.Reason
	}
	if r.Explanation != "" {
		text += fmt.Sprintf("\n%s explains: %s", r.Domain, r.Explanation)
	}
	code, status, lines := message.CleanReply(code, status, text)
	return framework.Reply(code, status, lines...)
}
