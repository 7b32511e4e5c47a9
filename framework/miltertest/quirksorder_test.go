package miltertest_test

import (
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// orderQuirks returns the quirks of the order of events and of the end of
// sessions.
func orderQuirks() map[miltertest.Quirk]quirkCase {
	const untouched = "Subject:hello <recipient@example.net>"
	return map[miltertest.Quirk]quirkCase{
		mta.AbortAfterEnd: {naive: countingAborts(), right: countAborts, want: untouched + "; " + untouched + " "},
		mta.NoAbortAfterVerdict: {
			naive: countingRecipients(), right: countRecipients, want: "SMFIR_REJECT; " + untouched + " ",
			msgs: []*mta.Message{
				miltertest.Message(plain, miltertest.To("a@example.net", "b@example.net", "c@example.net")),
				miltertest.Message(plain),
			},
		},
		mta.QuitInMessage:    {naive: opening(), right: open, want: "SMFIR_REJECT; SMFIR_REJECT opened closed opened closed"},
		mta.CloseWithoutQuit: {naive: partingAtQuit(), right: partAtClose, want: "SMFIR_REJECT; SMFIR_REJECT bye"},
		mta.ReusedConnection: {naive: oneSession(), right: seen, want: with("X-Seen", "yes")},
		mta.HeloTwice:        {naive: inOrder(), right: seen, want: with("X-Seen", "yes")},
		mta.HeloInMessage:    {naive: inOrder(), right: seen, want: with("X-Seen", "yes")},
		mta.DataAgain:        {naive: oneData(), right: seenEverywhere, want: with("X-Seen", "yes")},
		mta.AcceptContinues: {
			naive: acceptingEarly(), right: acceptEarly, want: "Subject:hello <recipient@example.net>; Subject:hello <recipient@example.net> accepted accepted",
		},
		mta.SkipLeaves: {naive: skippingRecipients(), right: seen, want: with("X-Seen", "yes")},
	}
}

// The naive filter assumes that an aborted message was not delivered.
func countingAborts() naive {
	return naive{on: func(n *notes, f wire.Frame) replies {
		if code(f) == wire.CmdAbort {
			n.add("aborted")
		}
		return nil
	}}
}

func countAborts(r *router, n *notes) {
	r.ObserveAbort(func(*session, *framework.Abort) error {
		n.add("aborted")
		return nil
	})
	r.OnEndOfMessage(func(*session, *endOfMessage) (verdict, error) { return framework.Continue, nil })
}

// The naive filter assumes that each message ends with its end of message or an
// abort.
func countingRecipients() naive {
	return naive{on: func(n *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdRcpt:
			n.n++
		case wire.CmdAbort, wire.CmdBodyEOB:
			n.n = 0
		case wire.CmdEOH:
			if n.n > 2 {
				return bareReply(wire.RepReject)
			}
		}
		return nil
	}}
}

func countRecipients(r *router, _ *notes) {
	count := framework.PerMessage[int](r)
	r.ObserveRcpt(func(s *session, _ *framework.Rcpt) error {
		*count.Get(s)++
		return nil
	})
	r.OnEndOfHeaders(func(s *session, _ *framework.EndOfHeaders) (verdict, error) {
		if *count.Get(s) > 2 {
			return framework.Reject, nil
		}
		return framework.Continue, nil
	})
}

// The naive filter assumes that it can release what it opened for a message at
// the end of the message or at its abort.
func opening() naive {
	return naive{on: func(n *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdMail:
			n.add("opened")
		case wire.CmdRcpt:
			return bareReply(wire.RepReject)
		case wire.CmdAbort, wire.CmdBodyEOB:
			n.add("closed")
		}
		return nil
	}}
}

func open(r *router, n *notes) {
	r.ObserveMail(func(*session, *framework.Mail) error {
		n.add("opened")
		return nil
	})
	r.OnRcpt(func(*session, *framework.Rcpt) (verdict, error) { return framework.Reject, nil })
	r.OnEndOfMessage(func(*session, *endOfMessage) (verdict, error) {
		n.add("closed")
		return framework.Continue, nil
	})
	r.ObserveAbort(func(*session, *framework.Abort) error {
		n.add("closed")
		return nil
	})
}

// The naive filter assumes that a session ends with SMFIC_QUIT.
func partingAtQuit() naive {
	return naive{on: func(n *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdHelo:
			return bareReply(wire.RepReject)
		case wire.CmdQuit:
			n.add("bye")
		}
		return nil
	}}
}

func partAtClose(r *router, n *notes) {
	r.OnHelo(func(*session, *framework.Helo) (verdict, error) { return framework.Reject, nil })
	r.ObserveClose(func(*session, *framework.Close) error {
		n.add("bye")
		return nil
	})
}

// The naive filter assumes that a connection carries one session.
func oneSession() naive {
	return naive{answer: wire.Negotiate{Actions: wire.ActionAddHdrs}, on: func(_ *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdQuitNC:
			panic("no such command")
		case wire.CmdBodyEOB:
			return adding("X-Seen", "yes")
		}
		return nil
	}}
}

// The naive filter assumes that HELO comes once, after CONNECT.
func inOrder() naive {
	return naive{answer: wire.Negotiate{Actions: wire.ActionAddHdrs}, on: func(n *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdHelo:
			if n.n++; n.n > 1 {
				panic("HELO out of order")
			}
		case wire.CmdBodyEOB:
			return adding("X-Seen", "yes")
		}
		return nil
	}}
}

// The naive filter assumes that it gets nothing more of a message that it
// accepted.
func acceptingEarly() naive {
	return naive{on: func(n *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdMail:
			n.n = 0
		case wire.CmdRcpt:
			n.n = 1
			n.add("accepted")
			return bareReply(wire.RepAccept)
		case wire.CmdHeader, wire.CmdBodyEOB:
			if n.n == 1 {
				panic("the message was accepted")
			}
		}
		return nil
	}}
}

func acceptEarly(r *router, n *notes) {
	r.OnMail(func(*session, *framework.Mail) (verdict, error) { return framework.Continue, nil })
	r.OnRcpt(func(*session, *framework.Rcpt) (verdict, error) {
		n.add("accepted")
		return framework.Accept, nil
	})
	r.OnHeader(func(*session, *framework.Header) (verdict, error) { return framework.Reject, nil })
	r.OnEndOfMessage(func(*session, *endOfMessage) (verdict, error) { return framework.Reject, nil })
}

// The naive filter assumes that DATA comes once in a message.
func oneData() naive {
	return naive{answer: wire.Negotiate{Actions: wire.ActionAddHdrs}, on: func(n *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdMail:
			n.n = 0
		case wire.CmdData:
			if n.n++; n.n > 1 {
				panic("DATA out of order")
			}
		case wire.CmdBodyEOB:
			return adding("X-Seen", "yes")
		}
		return nil
	}}
}

// The naive filter assumes that it may skip the remaining recipients after the
// first.
func skippingRecipients() naive {
	return naive{
		answer: wire.Negotiate{Actions: wire.ActionAddHdrs, Protocol: wire.ProtoSkip},
		on: func(_ *notes, f wire.Frame) replies {
			switch code(f) {
			case wire.CmdRcpt:
				return bareReply(wire.RepSkip)
			case wire.CmdBodyEOB:
				return adding("X-Seen", "yes")
			}
			return nil
		},
	}
}
