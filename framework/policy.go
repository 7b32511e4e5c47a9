package framework

import (
	"errors"
	"slices"
)

// policy is how a lane's failures and verdicts are treated.
type policy struct {
	failOpen bool
	dryRun   bool
	failWith bool // failure was chosen, and holds for permanent errors, too
	failure  Verdict
}

// refusal returns the verdict on a message that a lane failed to filter, and whether the
// same message fails each time. leftOut says that another lane was left out of the message.
func (p *policy) refusal(err error, leftOut bool) (v Verdict, permanent bool) {
	if v, ok := permanentVerdict(err, leftOut); ok && !p.failWith {
		return v, true
	}
	return p.failure, false
}

// canDoWithout reports whether a message may go on without the lane.
func (p *policy) canDoWithout() bool { return p.failOpen || p.dryRun }

// permanentVerdict returns the verdict if the same message causes the same error each
// time, so that a retry cannot succeed. The enhanced codes are those of RFC 3463: X.3.4
// is "message too big for system", X.6.0 is "other or undefined media error", for content
// that no other code describes. An error of Reply carries its verdict. A lane that was left
// out may add the field that the message lacks at the next attempt.
func permanentVerdict(err error, leftOut bool) (Verdict, bool) {
	refused, isReply := errors.AsType[*replyError](err)
	switch {
	case isReply:
		return refused.cleaned, true
	case errors.Is(err, ErrTooManyEdits):
		return MustReply(554, "5.3.4", "message has too many header fields for the mail filter to change"), true
	case errors.Is(err, ErrNoHeader) && !leftOut && !errors.Is(err, errOtherMessage):
		return MustReply(554, "5.6.0", "message lacks a header field that the mail filter changes"), true
	case isPermanent(err):
		return unprocessable(), true
	}
	return Verdict{}, false
}

// isPermanent reports whether an error, or one that it wraps or joins, is permanent as
// Permanent describes.
func isPermanent(err error) bool {
	if p, ok := err.(interface{ Permanent() bool }); ok && p.Permanent() {
		return true
	}
	switch w := err.(type) { //nolint:errorlint // the tree of errors is walked here
	case interface{ Unwrap() error }:
		return isPermanent(w.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(w.Unwrap(), isPermanent)
	}
	return false
}

// unprocessable returns the verdict on a message whose content a filter cannot process, or
// cannot modify as it asked to.
func unprocessable() Verdict {
	return MustReply(554, "5.6.0", "message cannot be processed by the mail filter")
}

// Permanent marks an error that the same message causes each time, such as that a part of
// it cannot be parsed. If a handler returns the error, [FailClosed] refuses the message
// with 554 5.6.0, and the sender learns at once what no retry can mend. An error of
// another type is permanent if it has a method Permanent() bool that returns true, as a
// [*ValueError] for a header value or a body does. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// permanentError is an error that Permanent marked.
type permanentError struct{ error }

// Permanent reports that a retry does not help.
func (*permanentError) Permanent() bool { return true }

// Unwrap returns the error that was marked.
func (e *permanentError) Unwrap() error { return e.error }
