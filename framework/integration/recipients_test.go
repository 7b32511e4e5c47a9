//go:build integration

package integration_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

const simple = "From: ann@example.org\r\nSubject: s\r\n\r\nHello\r\n"

// ender is a filter that runs a function at the end of each message.
type ender struct {
	name   string
	header framework.HeaderAdder
	rcpt   framework.RecipientAdder
	do     func(*framework.Session, *ender) (framework.Verdict, error)
}

func (e *ender) Name() string { return e.name }

func (e *ender) Register(r *framework.Router) error {
	e.header, e.rcpt = r.GrantAddHeader(), r.GrantAddRecipient()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) { return e.do(s, e) })
	return nil
}

// TestRecipientAddedTwice adds recipients that the message has, and deletes them,
// in spellings that the servers take for others (see TestProveRecipientEdits in
// realmta). Each recipient gets the message once.
func TestRecipientAddedTwice(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta, g := behind(t, start, "tcp")
			serveFilter(t, g, registers{"adder", func(r *framework.Router) func(*framework.Session) error {
				add, remove := r.GrantAddRecipient(), r.GrantDeleteRecipient()
				return func(s *framework.Session) error {
					do := errands{add.Add(s, "bob@EXAMPLE.test")}
					do.err(add.Add(s, "<new@example.test>"))
					do.err(add.Add(s, `"new"@example.test`))
					do.err(remove.Delete(s, "gone@EXAMPLE.test"))
					do.err(remove.Delete(s, `<"back"@example.test>`))
					do.err(remove.Delete(s, "back@example.test"))
					do.err(add.Add(s, "back@example.test"))
					return do.first
				}
			}})
			to := []string{"bob@example.test", "gone@example.test", "back@example.test"}
			got := delivered(t, mta, realmta.Message{From: "ann@example.org", To: to, Data: []byte(simple)})
			assert.ElementsMatch(t, []string{"bob@example.test", "back@example.test", "new@example.test"}, got.To)
		})
	}
}

// TestSendmailListsAddresses shows that Sendmail takes the spaces of an address
// that a filter adds for commas, unless an address field of the message itself
// has a sign of the modern notation (OldStyleHeaders).
func TestSendmailListsAddresses(t *testing.T) {
	t.Parallel()
	mta := realmta.StartSendmail(t, realmta.SendmailConfig{})
	g := openGate(t, mta, "unix")
	mta.SetFilters(t, g.Addr())
	serveFilter(t, g, &ender{name: "adder", do: func(s *framework.Session, e *ender) (framework.Verdict, error) {
		return framework.Continue, e.header.Append(s, "To", "Bob <bob@example.test>")
	}})
	for from, want := range map[string]string{
		"ann@example.org":       "Bob, <bob@example.test>",
		"Ann <ann@example.org>": "Bob <bob@example.test>",
	} {
		mta.Sink().Reset()
		got := delivered(t, mta, realmta.Message{From: "a@example.org", To: []string{"b@example.test"}, Data: []byte("From: " + from + "\r\n\r\n")})
		assert.Contains(t, string(got.Data), "\r\nTo: "+want+"\r\n", from)
	}
}

// delivered sends a message and returns the delivered message.
func delivered(t *testing.T, mta realmta.MTA, m realmta.Message) realmta.Delivered {
	t.Helper()
	code, text := dial(t, mta).Deliver(m)
	require.Equal(t, 250, code, text)
	return mta.Sink().Await(t, realmta.ToRecipient(m.To[0]))
}
