package miltertest_test

import (
	"bytes"
	"net/netip"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// envelopeQuirks returns the quirks of the client, the envelope and the offer.
func envelopeQuirks() map[miltertest.Quirk]quirkCase {
	six := miltertest.Message(plain, miltertest.Client("2001:db8::7"))
	return map[miltertest.Quirk]quirkCase{
		mta.NoBrackets: {naive: unwrapping(), right: unwrap, want: with("X-Sender", "sender@example.org")},
		mta.IPv6Prefix: {
			naive: parsingAddress(), right: address, msgs: []*mta.Message{six, six}, want: with("X-Client", "2001:db8::7"),
		},
		mta.UnknownFamily: {naive: readingPort(), right: clientName, want: with("X-Host", "client.example.org")},
		mta.RejectedRcpt:  {naive: countingAll(), right: countAccepted, want: with("X-Count", "1")},
		mta.AddRcptTwice: {
			naive: copying(), right: copyOnce,
			want: "Subject:hello <recipient@example.net>; Subject:hello <recipient@example.net> ",
		},
		mta.ExtraOffer:  {naive: threeNumbers(), right: seen, want: with("X-Seen", "yes")},
		mta.UnknownBits: {naive: wantingAll(), right: seen, want: with("X-Seen", "yes")},
	}
}

// adder returns a naive filter that stores a value and adds it to the message
// at its end.
func adder(name string, remember func(n *notes, f wire.Frame)) naive {
	return naive{answer: wire.Negotiate{Actions: wire.ActionAddHdrs}, on: func(n *notes, f wire.Frame) replies {
		if code(f) == wire.CmdBodyEOB {
			return adding(name, n.names[len(n.names)-1])
		}
		remember(n, f)
		return nil
	}}
}

// The naive filter assumes that an address has angle brackets.
func unwrapping() naive {
	return adder("X-Sender", func(n *notes, f wire.Frame) {
		if code(f) == wire.CmdMail {
			sender := string(parse[wire.Mail](f).Sender)
			n.names = append(n.names, sender[1:len(sender)-1])
		}
	})
}

func unwrap(r *router, _ *notes) {
	sender := framework.PerMessage[string](r)
	r.ObserveMail(func(s *session, m *framework.Mail) error {
		*sender.Get(s) = m.Sender()
		return nil
	})
	field(r, "X-Sender", func(s *session) any { return *sender.Get(s) })
}

// The naive filter assumes that the client's address is valid.
func parsingAddress() naive {
	return adder("X-Client", func(n *notes, f wire.Frame) {
		if code(f) == wire.CmdConnect {
			n.names = append(n.names, netip.MustParseAddr(string(parse[wire.Connect](f).Address)).String())
		}
	})
}

func address(r *router, _ *notes) {
	client := framework.PerConnection[netip.Addr](r)
	r.ObserveConnect(func(s *session, c *framework.Connect) error {
		*client.Get(s) = c.Addr()
		return nil
	})
	field(r, "X-Client", func(s *session) any { return *client.Get(s) })
}

// The naive filter assumes that every client has a port.
func readingPort() naive {
	return adder("X-Host", func(n *notes, f wire.Frame) {
		if code(f) == wire.CmdConnect {
			name, rest, _ := bytes.Cut(f.Data, []byte{0})
			_ = rest[2] // the second byte of the port
			n.names = append(n.names, string(name))
		}
	})
}

func clientName(r *router, _ *notes) {
	name := framework.PerConnection[string](r)
	r.ObserveConnect(func(s *session, c *framework.Connect) error {
		*name.Get(s) = c.Host()
		return nil
	})
	field(r, "X-Host", func(s *session) any { return *name.Get(s) })
}

// The naive filter assumes that every recipient it gets is a recipient of the
// message.
func countingAll() naive {
	return naive{
		answer: wire.Negotiate{Actions: wire.ActionAddHdrs, Protocol: wire.ProtoRcptRej},
		on: func(n *notes, f wire.Frame) replies {
			switch code(f) {
			case wire.CmdMail:
				n.n = 0
			case wire.CmdRcpt:
				n.n++
			case wire.CmdBodyEOB:
				return adding("X-Count", n.n)
			}
			return nil
		},
	}
}

func countAccepted(r *router, _ *notes) {
	count := framework.PerMessage[int](r)
	r.ObserveRejectedRcpt(func(*session, *framework.RejectedRcpt) error { return nil })
	r.ObserveRcpt(func(s *session, _ *framework.Rcpt) error {
		*count.Get(s)++
		return nil
	})
	field(r, "X-Count", func(s *session) any { return *count.Get(s) })
}

const archive = "recipient@example.net"

// The naive filter assumes that adding an existing recipient does not deliver
// the message to it twice.
func copying() naive {
	return naive{
		answer: wire.Negotiate{Actions: wire.ActionAddRcpt},
		on: func(_ *notes, f wire.Frame) replies {
			if code(f) != wire.CmdBodyEOB {
				return nil
			}
			return replies{&wire.AddRcpt{Recipient: "<" + archive + ">"}, &wire.BareReply{Code: wire.RepContinue}}
		},
	}
}

func copyOnce(r *router, _ *notes) {
	add := r.GrantAddRecipient()
	r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
		return framework.Continue, add.Add(s, archive)
	})
}

// The naive filter assumes that an offer consists of three numbers.
func threeNumbers() naive {
	return naive{answer: wire.Negotiate{Actions: wire.ActionAddHdrs}, on: func(_ *notes, f wire.Frame) replies {
		switch {
		case code(f) == wire.CmdOptNeg && len(f.Data) != 12:
			panic("a malformed offer")
		case code(f) == wire.CmdBodyEOB:
			return adding("X-Seen", "yes")
		}
		return nil
	}}
}

// The naive filter assumes that it may request everything that is offered.
func wantingAll() naive {
	return naive{on: func(_ *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdOptNeg:
			return replies{&wire.Negotiate{Version: 6, Actions: parse[wire.Negotiate](f).Actions}}
		case wire.CmdBodyEOB:
			return adding("X-Seen", "yes")
		}
		return nil
	}}
}
