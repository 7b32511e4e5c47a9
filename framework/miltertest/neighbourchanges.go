package miltertest

import (
	"slices"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// behindChanger mounts a filter before the filter under test that changes what the message
// has. No handler may fail that does not fail on a message that came like that.
func (s *suite) behindChanger(t T) {
	t.Helper()
	for i, msg := range s.msgs {
		cameSo, behind := s.answer(t, changed(msg)), s.answerBeside(t, msg, changer{}, true)
		if len(failures(behind.srv)) > len(failures(cameSo.srv)) {
			assert.Fail(t, "a handler failed because a filter before this one changed the message", "message %d:\n%.500s", i, msg.Bytes())
			behind.srv.show(t)
			return
		}
	}
}

// changer is a filter that changes the sender, the recipients, the value of every field and
// the body.
type changer struct{}

const (
	changedValue  = "miltertest-changed"
	changedBody   = "The miltertest neighbour has replaced the body.\r\n"
	changedSender = "<miltertest-sender@example.org>"
	changedRcpt   = "<miltertest-recipient@example.net>"
)

// Name implements framework.Filter.
func (changer) Name() string { return "miltertest: changing neighbour" }

// Register implements framework.Filter.
func (changer) Register(r *framework.Router) error {
	envelope, headers := r.WantEnvelope(), r.WantHeaders()
	add, del, sender := r.GrantAddRecipient(), r.GrantDeleteRecipient(), r.GrantChangeSender()
	change, replace := r.GrantChangeHeader(), r.GrantReplaceBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		for _, rcpt := range envelope.Recipients(s) {
			if err := del.Delete(s, rcpt); err != nil {
				return framework.Continue, err
			}
		}
		for f := range headers.All(s) {
			if err := change.Change(s, f.Handle, changedValue); err != nil {
				return framework.Continue, err
			}
		}
		if err := add.Add(s, changedRcpt); err != nil {
			return framework.Continue, err
		}
		if err := sender.Change(s, changedSender); err != nil {
			return framework.Continue, err
		}
		return framework.Continue, replace.Replace(s, []byte(changedBody))
	})
	return nil
}

// changed returns a copy of msg as the changer leaves it.
func changed(msg *mta.Message) *mta.Message {
	m := *msg
	m.Sender.Addr, m.Recipients = changedSender, []mta.Recipient{{Addr: changedRcpt}}
	m.Header, m.Body, m.Cuts = slices.Clone(msg.Header), []byte(changedBody), nil
	for i := range m.Header {
		m.Header[i].Value = " " + changedValue
	}
	return &m
}
