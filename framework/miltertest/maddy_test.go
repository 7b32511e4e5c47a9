package miltertest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// maddyQuirks returns quirks that only Maddy has.
func maddyQuirks() map[miltertest.Quirk]quirkCase {
	folded := miltertest.Message("MESSAGE-id: <x@example.org>\nSubject: hello\n\nbody\n")
	const untouched = "Subject:hello <recipient@example.net>"
	one := []*mta.Message{miltertest.Message(plain)}
	sized := miltertest.Message(plain, miltertest.From("sender@example.org", "SIZE=300"))
	return map[miltertest.Quirk]quirkCase{
		mta.HeloAsHost: {
			naive: readingHost(), right: readHost, msgs: []*mta.Message{miltertest.Message(plain, miltertest.Helo("forged.example.org"))},
			want:        "Subject:hello X-Host:client.example.org <recipient@example.net> ",
			unavoidable: "Subject:hello X-Host:forged.example.org <recipient@example.net> ",
		},
		mta.FixedMacros:  {naive: readingID(), right: seen, want: with("X-Seen", "yes")},
		mta.OnlySMTPUTF8: {naive: readingSize(), right: seen, msgs: []*mta.Message{sized, sized}, want: with("X-Seen", "yes")},
		mta.NoData:       {naive: waitingForData(), right: seen, want: with("X-Seen", "yes")},
		mta.UnfoldedFields: {
			naive: readingName(), right: readName, msgs: []*mta.Message{folded},
			want: "MESSAGE-id:<x@example.org> Subject:hello X-Seen:yes <recipient@example.net> ",
		},
		mta.TopFields: {
			naive: editing(&wire.AddHeader{Name: "X-Seen", Value: "yes"}), right: seen, msgs: one,
			want:        "Subject:hello X-Seen:yes <recipient@example.net> ",
			unavoidable: "X-Seen:yes Subject:hello <recipient@example.net> ",
		},
		mta.OwnReplies: {
			naive: discarding(), right: discard, msgs: one,
			want: "SMFIR_DISCARD ", unavoidable: "SMFIR_REPLYCODE ",
		},
		mta.LowerDomains: {
			naive: readingDomain(), right: readDomain,
			msgs: []*mta.Message{miltertest.Message(plain, miltertest.From("sender@Example.ORG"))},
			want: "Subject:hello X-Seen:yes <recipient@example.net> ",
		},
		mta.AbortBeforeQuit: {naive: countingAborts(), right: countAborts, want: untouched + "; " + untouched + " "},
	}
}

// The naive filter assumes that the host name comes from the DNS.
func readingHost() naive {
	return adder("X-Host", func(n *notes, f wire.Frame) {
		if code(f) == wire.CmdConnect {
			n.names = append(n.names, string(parse[wire.Connect](f).Host))
		}
	})
}

func readHost(r *router, _ *notes) {
	host := framework.PerConnection[string](r)
	r.ObserveConnect(func(s *session, c *framework.Connect) error {
		*host.Get(s) = c.Host()
		return nil
	})
	field(r, "X-Host", func(s *session) any { return *host.Get(s) })
}

// The naive filter assumes that SMFIC_DATA comes.
func waitingForData() naive {
	return adder("X-Seen", func(n *notes, f wire.Frame) {
		if code(f) == wire.CmdData {
			n.names = []string{"yes"}
		}
	})
}

// The naive filter assumes that names come as the message spells them.
func readingName() naive {
	return adder("X-Seen", func(n *notes, f wire.Frame) {
		if code(f) == wire.CmdHeader && strings.HasPrefix(string(f.Data), "MESSAGE-id") {
			n.names = []string{"yes"}
		}
	})
}

func readName(r *router, _ *notes) {
	found := framework.PerMessage[bool](r)
	r.ObserveHeader(func(s *session, h *framework.Header) error {
		*found.Get(s) = *found.Get(s) || strings.EqualFold(h.Name(), "Message-ID")
		return nil
	})
	field(r, "X-Seen", func(s *session) any {
		if *found.Get(s) {
			return "yes"
		}
		return "no"
	})
}

// The naive filter assumes that domains come as the client spells them.
func readingDomain() naive {
	return adder("X-Seen", func(n *notes, f wire.Frame) {
		if code(f) == wire.CmdMail && strings.Contains(string(parse[wire.Mail](f).Sender), "@Example.ORG") {
			n.names = []string{"yes"}
		}
	})
}

func readDomain(r *router, _ *notes) {
	ours := framework.PerMessage[bool](r)
	r.ObserveMail(func(s *session, m *framework.Mail) error {
		*ours.Get(s) = strings.HasSuffix(strings.ToLower(m.Sender()), "@example.org")
		return nil
	})
	field(r, "X-Seen", func(s *session) any {
		if *ours.Get(s) {
			return "yes"
		}
		return "no"
	})
}

// The naive filter assumes that the client does not learn that its mail is discarded.
func discarding() naive {
	return naive{on: func(_ *notes, f wire.Frame) replies {
		if code(f) == wire.CmdBodyEOB {
			return bareReply(wire.RepDiscard)
		}
		return nil
	}}
}

func discard(r *router, _ *notes) {
	r.OnEndOfMessage(func(*session, *endOfMessage) (verdict, error) { return framework.Discard, nil })
}

func TestMaddy(t *testing.T) {
	t.Parallel()
	p := miltertest.Maddy()
	assert.Equal(t, "Maddy", p.Name)
	assert.Equal(t, mta.Offer{Version: 6, Actions: wire.ActionAddHdrs | wire.ActionQuarantine}, p.MTA.Offer)
	adder := miltertest.FilterFunc("adder", func(r *framework.Router) error {
		seen(r, nil)
		return nil
	})
	res := miltertest.Run(t, adder, miltertest.Message(plain), miltertest.As(p))
	res.AssertAccepted(t)
	assert.Equal(t, "X-Seen", res.Edited.Header[0].Name)
	for v, want := range map[verdict]string{
		framework.Reject:   "550 5.7.1 Message rejected due to local policy",
		framework.TempFail: "450 4.7.1 Message rejected due to local policy",
		framework.Discard:  "450 4.7.1 Message rejected due to local policy",
	} {
		decider := miltertest.FilterFunc("decider", func(r *framework.Router) error {
			r.OnEndOfMessage(func(*session, *endOfMessage) (verdict, error) { return v, nil })
			return nil
		})
		assert.Equal(t, want, miltertest.Run(t, decider, miltertest.Message(plain), miltertest.As(p)).Reply())
	}
}
