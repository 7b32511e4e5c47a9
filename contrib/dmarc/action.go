package dmarc

import (
	"errors"
	"fmt"
	"slices"
)

// Action is what a [Filter] does with a message.
type Action uint8

// Values of Action, from the mildest to the most severe.
const (
	// Accept writes the result into the message, which goes on.
	Accept Action = iota
	// AddField also adds a header field, by which a later program sorts the message: see
	// Config.Field.
	AddField
	// Hold makes the MTA accept the message and hold it in its queue (quarantine).
	Hold
	// TempFail tells the client to try again.
	TempFail
	// Reject refuses the message.
	Reject
)

// String returns the name of the action in configurations.
func (a Action) String() string {
	names := [...]string{"accept", "addfield", "hold", "tempfail", "reject"}
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
	return Accept, errors.New("want accept, addfield, hold, tempfail or reject")
}

// Actions are the actions for the results. The zero value accepts all mail. Mail that passes, and
// mail that is not evaluated, is always accepted.
type Actions struct {
	// Reject, Quarantine and None are for mail that fails, by the policy of the author's
	// domain. RFC 9989 section 7.4 says that reject alone is no reason to refuse mail, because
	// mailing lists break signatures.
	Reject, Quarantine, None Action
	// TempError is for mail whose result is not known now, because the DNS does not answer.
	// Anyone can give a message a signature of a domain whose key cannot be looked up. If
	// Reject refuses mail and TempError accepts it, such a signature may evade Reject.
	TempError Action
	// PermError is for mail without an author domain, such as mail with two From fields, and
	// for mail whose records are too large.
	PermError Action
}

// of returns the action for a result.
func (a *Actions) of(r *Result) Action {
	switch r.Status {
	case StatusFail:
		return a.ofPolicy(r.Policy)
	case StatusTempError:
		return a.TempError
	case StatusPermError:
		return a.PermError
	default:
		return Accept
	}
}

func (a *Actions) ofPolicy(p Policy) Action {
	switch p {
	case PolicyReject:
		return a.Reject
	case PolicyQuarantine:
		return a.Quarantine
	default:
		return a.None
	}
}

func (a *Actions) all() []Action {
	return []Action{a.Reject, a.Quarantine, a.None, a.TempError, a.PermError}
}

// check returns an error for an action that there is not.
func (a *Actions) check() error {
	if slices.Max(a.all()) > Reject {
		return errors.New("Actions: an action is unknown")
	}
	return nil
}

// has reports whether an action is taken for any result.
func (a *Actions) has(action Action) bool { return slices.Contains(a.all(), action) }
