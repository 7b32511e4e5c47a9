package miltertest

import (
	"strings"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Result is what came of a message: the verdict, the modifications and the
// message as it is delivered, and how that came about.
type Result struct {
	// Outcome is the MTA's view of it: Verdict, Steps, Accepted and Refused
	// recipients, Modifications, Quarantined, and Edited, the message as it
	// is delivered, which is nil when it is not.
	mta.Outcome
	// Message is what was sent.
	Message *mta.Message
	// Negotiated is what the filter asked the MTA for.
	Negotiated wire.Negotiate
	// Transcript is what went over the connection, a line for each message
	// of the protocol: see [wire.Tracer].
	Transcript string
	// Logs is what the framework and the filter logged.
	Logs Logs
}

// RefusedAt returns the stage at which the filter refused the message, and ""
// when it did not. Where every recipient is refused it is [mta.StageRcpt]; a
// recipient that is refused among others refuses no message. A session that was
// refused once stays refused at that stage.
func (r *Result) RefusedAt() mta.Stage {
	if r.Reply() == "" {
		return ""
	}
	return r.DecidedAt
}

// Delivered reports whether the message is delivered, or held in quarantine.
func (r *Result) Delivered() bool { return r.Edited != nil }

// Header returns the first value of a header field of the delivered message,
// without the space after the colon, or "" when there is none. The case of the
// name does not matter. A folded value comes with its folds: the lines are
// separated by LF, not CRLF, and each but the first begins with white space.
func (r *Result) Header(name string) string {
	for _, v := range r.HeaderValues(name) {
		return v
	}
	return ""
}

// HeaderValues returns all values of a header field of the delivered message,
// from top to bottom, each as [Result.Header] does.
func (r *Result) HeaderValues(name string) []string {
	var values []string
	for _, f := range r.edited().Header {
		if strings.EqualFold(f.Name, name) {
			values = append(values, strings.TrimPrefix(f.Value, " "))
		}
	}
	return values
}

// Body returns the body of the delivered message, with lines ended by CRLF.
func (r *Result) Body() string { return string(r.edited().Body) }

// Sender returns the envelope sender of the delivered message, without angle
// brackets.
func (r *Result) Sender() string { return unbracketed(r.edited().Sender.Addr) }

// Recipients returns the envelope recipients of the delivered message, without
// angle brackets.
func (r *Result) Recipients() []string {
	var addrs []string
	for _, rcpt := range r.edited().Recipients {
		addrs = append(addrs, unbracketed(rcpt.Addr))
	}
	return addrs
}

// Reply returns what the SMTP client is told when the filter refuses the
// message, lines separated by LF, and "" when it does not. Where every recipient
// is refused, it is what was said to the last.
func (r *Result) Reply() string {
	if r.Verdict.Origin != mta.Answered {
		return "" // the MTA had refused all recipients before
	}
	return strings.Join(r.Verdict.Lines(), "\n")
}

// edited returns the delivered message, or one without anything.
func (r *Result) edited() *mta.Message {
	if r.Edited == nil {
		return new(mta.Message)
	}
	return r.Edited
}

// The assertions report whether they hold, and let the test go on when they do
// not, as those of testify's assert package do.

// AssertAccepted asserts that the message is delivered, or held in quarantine.
func (r *Result) AssertAccepted(t T) bool {
	t.Helper()
	return assert.True(t, r.Delivered(), "the message should have been accepted, but: %s", r.fate())
}

// AssertRejected asserts that the message is refused for good, with a reply
// that starts with 5.
func (r *Result) AssertRejected(t T) bool {
	t.Helper()
	return assert.True(t, strings.HasPrefix(r.Reply(), "5"),
		"the message should have been rejected, but: %s", r.fate())
}

// AssertTempFailed asserts that the message is refused for now, with a reply
// that starts with 4.
func (r *Result) AssertTempFailed(t T) bool {
	t.Helper()
	return assert.True(t, strings.HasPrefix(r.Reply(), "4"),
		"the message should have been refused for now, but: %s", r.fate())
}

// AssertDiscarded asserts that the message is taken from the client and dropped.
func (r *Result) AssertDiscarded(t T) bool {
	t.Helper()
	return assert.Equal(t, wire.RepDiscard, r.Verdict.Code,
		"the message should have been discarded, but: %s", r.fate())
}

// AssertQuarantined asserts that the message is held, for the given reason.
func (r *Result) AssertQuarantined(t T, reason string) bool {
	t.Helper()
	held := r.Delivered() && r.Quarantined
	return assert.True(t, held, "the message should have been quarantined, but: %s", r.fate()) &&
		assert.Equal(t, reason, r.Quarantine)
}

// AssertUnmodified asserts that the message is delivered as it came.
func (r *Result) AssertUnmodified(t T) bool {
	t.Helper()
	return r.AssertAccepted(t) && assert.Empty(t, r.Modifications, "the message should not have been modified")
}

// fate says in words what became of the message.
func (r *Result) fate() string {
	switch {
	case r.Reply() != "":
		return "it was refused: " + r.Reply()
	case r.Verdict.Code == wire.RepDiscard:
		return "it was discarded"
	case r.Lost:
		return "it was taken, and lost for its many edits"
	case !r.Delivered():
		return "the MTA itself had refused all recipients"
	case r.Quarantined:
		return "it was quarantined: " + r.Quarantine
	}
	return "it was accepted"
}
