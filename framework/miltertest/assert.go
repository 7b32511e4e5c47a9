package miltertest

import (
	"strings"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/wire"
)

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
