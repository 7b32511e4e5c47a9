package miltertest

import (
	"strings"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Result is the outcome of one message: the verdict, the modifications, the
// delivered message, and the transcript and logs that explain them.
type Result struct {
	// Outcome is what the MTA saw: Verdict, Steps, Accepted and Refused
	// recipients, Modifications and Quarantined. Its Edited is the message
	// as delivered, or nil if the message was not delivered.
	mta.Outcome
	// Message is the message as sent.
	Message *mta.Message
	// Negotiated holds the options that the filter requested from the MTA.
	Negotiated wire.Negotiate
	// Transcript is the protocol traffic, one line per milter message. See
	// [wire.Tracer] for the format.
	Transcript string
	// Logs holds what the framework and the filter logged.
	Logs Logs
}

// RefusedAt returns the stage at which the filter refused the message, or "" if
// it did not refuse it. If the filter refused every recipient, the stage is
// [mta.StageRcpt]; refusing only some recipients does not refuse the message.
// If the filter refused the session earlier, RefusedAt returns the stage of
// that refusal for every later message of the session.
func (r *Result) RefusedAt() mta.Stage {
	if r.Reply() == "" {
		return ""
	}
	return r.DecidedAt
}

// Delivered reports whether the message was delivered or quarantined.
func (r *Result) Delivered() bool { return r.Edited != nil }

// Header returns the first value of a header field of the delivered message, or
// "" if the message has no such field. The name is case-insensitive. The space
// after the colon is removed. A folded value keeps its folds: its lines are
// separated by LF, not CRLF, and each line after the first begins with white
// space.
func (r *Result) Header(name string) string {
	for _, v := range r.HeaderValues(name) {
		return v
	}
	return ""
}

// HeaderValues returns all values of a header field of the delivered message,
// from top to bottom, in the form that [Result.Header] returns.
func (r *Result) HeaderValues(name string) []string {
	var values []string
	for _, f := range r.edited().Header {
		if ascii.EqualFold(f.Name, name) {
			values = append(values, strings.TrimPrefix(f.Value, " "))
		}
	}
	return values
}

// Body returns the body of the delivered message. Its lines end with CRLF.
func (r *Result) Body() string { return string(r.edited().Body) }

// Sender returns the envelope sender of the delivered message without angle
// brackets.
func (r *Result) Sender() string { return unbracketed(r.edited().Sender.Addr) }

// Recipients returns the envelope recipients of the delivered message without
// angle brackets.
func (r *Result) Recipients() []string {
	var addrs []string
	for _, rcpt := range r.edited().Recipients {
		addrs = append(addrs, unbracketed(rcpt.Addr))
	}
	return addrs
}

// Reply returns the reply that the SMTP client gets if the filter refused the
// message, or "" if the filter did not refuse it. The lines of a multi-line
// reply are separated by LF. If the filter refused every recipient, Reply
// returns the reply to the last one.
func (r *Result) Reply() string {
	if r.Verdict.Origin != mta.Answered {
		return "" // the MTA itself refused all recipients
	}
	return strings.Join(r.Verdict.Lines(), "\n")
}

// edited returns the delivered message, or an empty message if there is none.
func (r *Result) edited() *mta.Message {
	if r.Edited == nil {
		return new(mta.Message)
	}
	return r.Edited
}

// An assertion reports whether it holds. If it does not hold, the test
// continues, as with testify's package assert.

// AssertAccepted asserts that the message was delivered or quarantined. Like
// the other assertions of Result, it returns whether it holds and does not stop
// the test.
func (r *Result) AssertAccepted(t T) bool {
	t.Helper()
	return assert.True(t, r.Delivered(), "the message should have been accepted, but %s", r.describe())
}

// AssertRejected asserts that the filter refused the message permanently, with
// a reply code that starts with 5.
func (r *Result) AssertRejected(t T) bool {
	t.Helper()
	return assert.True(t, strings.HasPrefix(r.Reply(), "5"),
		"the message should have been rejected, but %s", r.describe())
}

// AssertTempFailed asserts that the filter refused the message temporarily,
// with a reply code that starts with 4.
func (r *Result) AssertTempFailed(t T) bool {
	t.Helper()
	return assert.True(t, strings.HasPrefix(r.Reply(), "4"),
		"the message should have been refused temporarily, but %s", r.describe())
}

// AssertDiscarded asserts that the MTA accepted the message from the client and
// discarded it.
func (r *Result) AssertDiscarded(t T) bool {
	t.Helper()
	return assert.Equal(t, wire.RepDiscard, r.Verdict.Code,
		"the message should have been discarded, but %s", r.describe())
}

// AssertQuarantined asserts that the message was quarantined for the given
// reason.
func (r *Result) AssertQuarantined(t T, reason string) bool {
	t.Helper()
	quarantined := r.Delivered() && r.Quarantined
	return assert.True(t, quarantined, "the message should have been quarantined, but %s", r.describe()) &&
		assert.Equal(t, reason, r.Quarantine)
}

// AssertUnmodified asserts that the message was delivered without
// modifications.
func (r *Result) AssertUnmodified(t T) bool {
	t.Helper()
	return r.AssertAccepted(t) && assert.Empty(t, r.Modifications, "the message should not have been modified")
}

// describe says what happened to the message, for a failure message.
func (r *Result) describe() string {
	switch {
	case r.Reply() != "":
		return "it was refused: " + r.Reply()
	case r.Verdict.Code == wire.RepDiscard:
		return "it was discarded"
	case r.Lost:
		return "it was accepted and then lost, because it has too many edits"
	case !r.Delivered():
		return "the MTA itself refused all recipients"
	case r.Quarantined:
		return "it was quarantined: " + r.Quarantine
	}
	return "it was accepted"
}
