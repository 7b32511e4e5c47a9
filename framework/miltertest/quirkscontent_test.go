package miltertest_test

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// contentQuirks returns the quirks of the header, the body and the
// modifications.
func contentQuirks() map[miltertest.Quirk]quirkCase {
	long := miltertest.Message("Subject: hello\nX-Long: " + strings.Repeat("x", 100_000) + "\n\n")
	spam := miltertest.Message("X-Spam: 1\nSubject: hello\nx-spam: 2\n\n")
	two := miltertest.Message("A: 1\nB: 2\n\n")
	postfix, sendmail := miltertest.Postfix(), miltertest.Sendmail()
	renamed := postfix.With(mta.OtherName)
	return map[miltertest.Quirk]quirkCase{
		mta.LongFields: {naive: smallFrames(), right: seen, msgs: []*mta.Message{long, long}, want: with("X-Seen", "yes")},
		mta.BodyInEnd:  {naive: measuring(), right: measure, want: with("X-Size", "14")},
		mta.DeleteMarks: {
			naive: editing(&wire.ChangeHeader{Index: 1, Name: "X-Spam"}, &wire.ChangeHeader{Index: 1, Name: "X-Spam"}),
			right: deleteAll, msgs: []*mta.Message{spam}, want: "Subject:hello <recipient@example.net> ",
		},
		mta.AddAboveFirst: {
			naive: editing(&wire.AddHeader{Name: "A", Value: "3"}), right: appendLast,
			msgs: []*mta.Message{two}, want: "A:1 B:2 A:3 <recipient@example.net> ",
		},
		mta.ManyEditsLost: {
			naive: editing(fromFirstToLast(200)...), right: changeEach, msgs: []*mta.Message{miltertest.Message(strings.Repeat("A: 1\n", 200) + "\n")},
			want: strings.Repeat("A:new ", 200) + "<recipient@example.net> ",
		},
		mta.HeaderInBody: {naive: readingStart(), right: readEnd, want: with("X-Fine", "true")},
		mta.OtherName: {
			naive: placingByName(), right: insertBelowFirst,
			msgs: []*mta.Message{two}, want: "A:1 X:y B:2 <recipient@example.net> ",
			plain: &postfix, other: &renamed,
		},
		mta.HiddenFieldsCount: {
			naive: editing(&wire.InsertHeader{Index: 2, Name: "X", Value: "y"}), right: insertBelowFirst,
			msgs: []*mta.Message{two}, want: "A:1 X:y B:2 <recipient@example.net> ",
			plain: &postfix, other: &sendmail,
		},
	}
}

// The naive filter assumes that no frame is larger than libmilter's limit.
func smallFrames() naive {
	n := adder("X-Seen", func(n *notes, _ wire.Frame) { n.names = []string{"yes"} })
	n.limit = wire.DefaultLimit
	return n
}

// The naive filter assumes that the body arrives only in SMFIC_BODY.
func measuring() naive {
	return naive{answer: wire.Negotiate{Actions: wire.ActionAddHdrs}, on: func(n *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdMail:
			n.n = 0
		case wire.CmdBody:
			n.n += len(f.Data)
		case wire.CmdBodyEOB:
			return adding("X-Size", n.n)
		}
		return nil
	}}
}

func measure(r *router, _ *notes) {
	size := framework.PerMessage[int](r)
	r.ObserveBody(func(s *session, b *framework.Body) error {
		*size.Get(s) += len(b.Chunk())
		return nil
	})
	field(r, "X-Size", func(s *session) any { return *size.Get(s) })
}

// The naive filter assumes that a modification has the same effect on every
// MTA.
func editing(mods ...wire.Reply) naive {
	return naive{
		answer: wire.Negotiate{Actions: wire.ActionAddHdrs | wire.ActionChgHdrs},
		on: func(_ *notes, f wire.Frame) replies {
			if code(f) != wire.CmdBodyEOB {
				return nil
			}
			return append(append(replies(nil), mods...), bareReply(wire.RepContinue)...)
		},
	}
}

// The naive filter assumes that SMFIC_BODY begins with the body.
func readingStart() naive {
	return naive{answer: wire.Negotiate{Actions: wire.ActionAddHdrs}, on: func(n *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdBody:
			n.names = []string{strconv.FormatBool(bytes.HasPrefix(f.Data, []byte("How are")))}
		case wire.CmdBodyEOB:
			return adding("X-Fine", n.names[0])
		}
		return nil
	}}
}

func readEnd(r *router, _ *notes) {
	fine := framework.PerMessage[bool](r)
	r.ObserveBody(func(s *session, b *framework.Body) error {
		*fine.Get(s) = bytes.HasSuffix(b.Chunk(), []byte("you?\r\n"))
		return nil
	})
	field(r, "X-Fine", func(s *session) any { return *fine.Get(s) })
}

// The naive filter assumes that Postfix names itself, and inserts a field below
// the first one.
func placingByName() naive {
	return naive{answer: wire.Negotiate{Actions: wire.ActionAddHdrs}, on: func(n *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdMacro:
			if v, ok := wire.LookupMacro(parse[wire.Macro](f).List, "v"); ok && bytes.HasPrefix(v, []byte("Postfix")) {
				n.n = 1
			}
		case wire.CmdBodyEOB:
			index := uint32(9)
			if n.n == 1 {
				index = 2
			}
			return replies{&wire.InsertHeader{Index: index, Name: "X", Value: "y"}, &wire.BareReply{Code: wire.RepContinue}}
		}
		return nil
	}}
}

// fromFirstToLast changes each of n fields, from the first to the last.
func fromFirstToLast(n uint32) (mods []wire.Reply) {
	for i := range n {
		mods = append(mods, &wire.ChangeHeader{Index: i + 1, Name: "A", Value: "new"})
	}
	return mods
}

func changeEach(r *router, _ *notes) {
	headers, change := r.WantHeaders(), r.GrantChangeHeader()
	r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
		for f := range headers.All(s) {
			if err := change.Change(s, f.Handle, "new"); err != nil {
				return framework.Continue, err
			}
		}
		return framework.Continue, nil
	})
}

func deleteAll(r *router, _ *notes) {
	headers, change := r.WantHeaders(), r.GrantChangeHeader()
	r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
		for f := range headers.Named(s, "X-Spam") {
			if err := change.Delete(s, f.Handle); err != nil {
				return framework.Continue, err
			}
		}
		return framework.Continue, nil
	})
}

func appendLast(r *router, _ *notes) { field(r, "A", func(*session) any { return 3 }) }

func insertBelowFirst(r *router, _ *notes) {
	add := r.GrantInsertHeader()
	r.OnEndOfMessage(func(s *session, _ *endOfMessage) (verdict, error) {
		return framework.Continue, add.Insert(s, 1, "X", "y")
	})
}
