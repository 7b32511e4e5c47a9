package miltertest_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// stalwartQuirks returns quirks that only Stalwart has.
func stalwartQuirks() map[miltertest.Quirk]quirkCase {
	folded := miltertest.Message("Subject: hello\nX-Two: a\n b\n\ntext\n")
	sized := miltertest.Message(plain, miltertest.From("sender@example.org", "SIZE=300"))
	two := miltertest.Message(plain, miltertest.To("a@example.net", "b@example.net"))
	return map[miltertest.Quirk]quirkCase{
		mta.Unnegotiated: {naive: declining(), right: seen, want: with("X-Seen", "yes")},
		mta.RawFields: {
			naive: readingLines(), right: readLines, msgs: []*mta.Message{folded},
			want: "Subject:hello X-Two:a\n b X-Clean:true <recipient@example.net> ",
		},
		mta.NoArguments: {naive: readingSize(), right: seen, msgs: []*mta.Message{sized, sized}, want: with("X-Seen", "yes")},
		mta.FewMacros:   {naive: readingID(), right: seen, want: with("X-Seen", "yes")},
		mta.QuarantineField: {
			naive: holding(), right: hold, msgs: []*mta.Message{miltertest.Message(plain)},
			want: "Subject:hello <recipient@example.net> ", unavoidable: "X-Quarantine:virus Subject:hello <recipient@example.net> ",
		},
		mta.RefusesForAll: {
			naive: refusingFirst(), right: refuseFirst, msgs: []*mta.Message{two},
			want: "Subject:hello <b@example.net> ", unavoidable: "SMFIR_REJECT ",
		},
	}
}

// The naive filter assumes that an event that it declined does not come.
func declining() naive {
	n := adder("X-Seen", func(n *notes, f wire.Frame) {
		if code(f) == wire.CmdEOH {
			panic("declined")
		}
		n.names = []string{"yes"}
	})
	n.answer.Protocol = wire.ProtoNoEOH
	return n
}

// The naive filter assumes that the lines of a value end with LF.
func readingLines() naive {
	return adder("X-Clean", func(n *notes, f wire.Frame) {
		if code(f) == wire.CmdHeader {
			n.names = append(n.names, strconv.FormatBool(!bytes.Contains(f.Data, []byte("\r"))))
		}
	})
}

func readLines(r *router, _ *notes) {
	clean := framework.PerMessage[bool](r)
	r.ObserveHeader(func(s *session, h *framework.Header) error {
		*clean.Get(s) = !strings.Contains(h.Value(), "\r")
		return nil
	})
	field(r, "X-Clean", func(s *session) any { return *clean.Get(s) })
}

// The naive filter assumes that the client's arguments come.
func readingSize() naive {
	return adder("X-Seen", func(n *notes, f wire.Frame) {
		if code(f) == wire.CmdMail {
			_ = parse[wire.Mail](f).Args[0]
			n.names = []string{"yes"}
		}
	})
}

// The naive filter assumes that a queue ID comes with the end of the message.
func readingID() naive {
	return adder("X-Seen", func(n *notes, f wire.Frame) {
		if code(f) == wire.CmdMacro && wire.CommandCode(f.Data[0]) == wire.CmdBodyEOB {
			n.names = []string{"yes"}
		}
	})
}

// The naive filter assumes that the MTA holds what is quarantined.
func holding() naive {
	n := editing(&wire.Quarantine{Reason: "virus"})
	n.answer.Actions = wire.ActionQuarantine
	return n
}

func hold(r *router, _ *notes) {
	q := r.GrantQuarantine()
	r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
		return framework.Continue, q.Quarantine(s, "virus")
	})
}

// The naive filter assumes that the other recipients get the message.
func refusingFirst() naive {
	return naive{on: func(_ *notes, f wire.Frame) replies {
		if code(f) == wire.CmdRcpt && bytes.HasPrefix(f.Data, []byte("<a@")) {
			return bareReply(wire.RepReject)
		}
		return nil
	}}
}

func refuseFirst(r *router, _ *notes) {
	r.OnRcpt(func(_ *session, rcpt *framework.Rcpt) (verdict, error) {
		if strings.HasPrefix(rcpt.Recipient(), "a@") {
			return framework.Reject, nil
		}
		return framework.Continue, nil
	})
}

func TestStalwart(t *testing.T) {
	t.Parallel()
	p := miltertest.Stalwart()
	assert.Equal(t, "Stalwart", p.Name)
	for _, q := range []miltertest.Quirk{
		mta.AcceptContinues, mta.HeaderInBody, mta.Unnegotiated, mta.RawFields, mta.NoArguments, mta.FewMacros, mta.QuarantineField, mta.RefusesForAll,
	} {
		assert.True(t, p.MTA.Quirks.Has(q), q)
	}
	assert.Equal(t, wire.ProtoNoHelo|wire.ProtoNoEOH, p.MTA.Offer.Protocol)
	for _, version := range []uint32{2, 6} {
		p.MTA.Offer.Version = version
		res := miltertest.Run(t, editor(), miltertest.Message(plain), miltertest.As(p))
		assert.Equal(t, "Fine.\r\n", res.Body(), "a new body replaces the body, without the header")
		assert.Equal(t, version >= 4, strings.Contains(res.Transcript, "SMFIC_DATA"))
		assert.Contains(t, res.Transcript, "SMFIC_EOH")
	}
}
