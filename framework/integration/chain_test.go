//go:build integration

package integration_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// registers is a filter that consists of a function.
type registers struct {
	name string
	with func(*framework.Router) func(*framework.Session) error
}

func (f registers) Name() string { return f.name }

func (f registers) Register(r *framework.Router) error {
	do := f.with(r)
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, do(s)
	})
	return nil
}

// TestChainDiffers shows where milters in the MTA's list see less of the
// changes by earlier milters than lanes do: the MTA shows them the envelope
// before it is changed. A deleted field differs on Sendmail only for a milter
// that does not receive the header: a filter with a grant to change it does. The
// header is written on one line, and "-" is the MTA's own Received field. An
// empty sendmail means the same as Postfix.
func TestChainDiffers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                     string
		first, second            func(*framework.Router) func(*framework.Session) error
		lanes, postfix, sendmail string
	}{
		{
			"the envelope", changeSender, tellEnvelope,
			"- A:1 A:2 A:3 X:new@example.org,b@example.test,c@example.test",
			"- A:1 A:2 A:3 X:a@example.org,b@example.test", "",
		},
		{"a field behind one deleted", deleteFirst, changeFirst, "- A:changed A:3", "- A:changed A:3", ""},
		{
			"fields above the MTA's own", insertAbove, tellHeader,
			"Top:1 - A:1 A:2 A:3 X:Top,A,A,A", "Top:1 - A:1 A:2 A:3 X:Top,A,A,A", "",
		},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			gates := []*gate{openGate(t, mta, "tcp"), openGate(t, mta, "unix")}
			fields := func() string {
				mta.Sink().Reset()
				return oneLine(delivered(t, mta, realmta.Message{
					From: "a@example.org", To: []string{"b@example.test"}, Data: []byte("A: 1\r\nA: 2\r\nA: 3\r\n\r\n"),
				}))
			}
			mta.SetFilters(t, gates[0].Addr())
			for _, tt := range tests {
				serveLanes(t, gates[0], []lane{{filter: registers{"first", tt.first}}, {filter: registers{"second", tt.second}}})
				assert.Equal(t, tt.lanes, fields(), "%s, as lanes", tt.name)
			}
			mta.SetFilters(t, gates[0].Addr(), gates[1].Addr())
			for _, tt := range tests {
				serveLanes(t, gates[0], []lane{{filter: registers{"first", tt.first}}})
				serveLanes(t, gates[1], []lane{{filter: registers{"second", tt.second}}})
				want := tt.postfix
				if name == "sendmail" && tt.sendmail != "" {
					want = tt.sendmail
				}
				assert.Equal(t, want, fields(), "%s, as a chain", tt.name)
			}
		})
	}
}

func changeSender(r *framework.Router) func(*framework.Session) error {
	sender, rcpt := r.GrantChangeSender(), r.GrantAddRecipient()
	return func(s *framework.Session) error {
		if err := sender.Change(s, "new@example.org"); err != nil {
			return err
		}
		return rcpt.Add(s, "c@example.test")
	}
}

func tellEnvelope(r *framework.Router) func(*framework.Session) error {
	add, envelope := r.GrantAddHeader(), r.WantEnvelope()
	return func(s *framework.Session) error {
		return add.Append(s, "X", strings.Join(append([]string{envelope.Sender(s)}, envelope.Recipients(s)...), ","))
	}
}

func deleteFirst(r *framework.Router) func(*framework.Session) error {
	change := r.GrantChangeHeader()
	return func(s *framework.Session) error { return change.Delete(s, framework.NthHeader("A", 1)) }
}

func changeFirst(r *framework.Router) func(*framework.Session) error {
	change := r.GrantChangeHeader()
	return func(s *framework.Session) error { return change.Change(s, framework.NthHeader("A", 1), "changed") }
}

func insertAbove(r *framework.Router) func(*framework.Session) error {
	add := r.GrantAddHeader()
	return func(s *framework.Session) error { return add.Prepend(s, "Top", "1") }
}

func tellHeader(r *framework.Router) func(*framework.Session) error {
	add, list := r.GrantAddHeader(), r.WantHeaders()
	return func(s *framework.Session) error {
		var names []string
		for f := range list.All(s) {
			names = append(names, f.Name)
		}
		return add.Append(s, "X", strings.Join(names, ","))
	}
}

// oneLine returns a header in one line.
func oneLine(d realmta.Delivered) string {
	text, _, _ := strings.Cut(strings.Replace(string(d.Data), d.Trace(), "-\r\n", 1), "\r\n\r\n")
	return strings.NewReplacer("\r\n", " ", ": ", ":").Replace(text)
}
