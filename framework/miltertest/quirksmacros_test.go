package miltertest_test

import (
	"bytes"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// macroQuirks returns the quirks of macros.
func macroQuirks() map[miltertest.Quirk]quirkCase {
	none := func(names string) naive {
		list := wire.MacroList{Stage: wire.MacroEnvFrom, Names: names}
		return refusingMacros(func(m *wire.Macro) bool { return m.For == wire.CmdMail }, list)
	}
	twoFields := miltertest.Message("A: 1\nB: 2\n\nbody\n")
	return map[miltertest.Quirk]quirkCase{
		mta.MacrosForWithheld: {naive: expectingCommands(), right: seen, want: with("X-Seen", "yes")},
		mta.MacrosUnasked:     {naive: none(" "), right: seen, want: with("X-Seen", "yes")},
		mta.EmptyListDefault:  {naive: none(""), right: seen, want: with("X-Seen", "yes")},
		mta.MacrosEveryField: {
			naive: countingFields(), right: countFields, msgs: []*mta.Message{twoFields},
			want: "A:1 B:2 X-Fields:2 <recipient@example.net> ",
		},
		mta.EmptyMacros: {
			naive: refusingMacros(func(m *wire.Macro) bool { return len(m.List) == 0 }), right: seen, want: with("X-Seen", "yes"),
		},
		mta.OddMacros: {
			naive: refusingMacros(func(m *wire.Macro) bool { return bytes.Count(m.List, []byte{0})%2 != 0 }),
			right: seen, want: with("X-Seen", "yes"),
		},
		mta.StrayMacros: {
			naive: refusingMacros(func(m *wire.Macro) bool { return !strings.ContainsRune("CHMRTLNBE", rune(m.For)) }),
			right: seen, want: with("X-Seen", "yes"),
		},
		mta.QueueIDLate:     {naive: earlyQueueID(), right: queueID, want: with("X-Queue", "6AM7sluice000001")},
		mta.EndListNeedsEOH: {naive: hostAtEnd(), right: host, want: with("X-Host", "mx.example.org")},
	}
}

// The naive filter assumes that certain macros are never sent.
func refusingMacros(refused func(*wire.Macro) bool, lists ...wire.MacroList) naive {
	answer := wire.Negotiate{Actions: wire.ActionAddHdrs, Macros: lists}
	if len(lists) > 0 {
		answer.Actions |= wire.ActionSetSymList
	}
	return naive{answer: answer, on: func(_ *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdMacro:
			if refused(parse[wire.Macro](f)) {
				panic("these macros do not exist")
			}
		case wire.CmdBodyEOB:
			return adding("X-Seen", "yes")
		}
		return nil
	}}
}

// The naive filter assumes that each macro packet precedes the command that it
// belongs to.
func expectingCommands() naive {
	return naive{
		answer: wire.Negotiate{Actions: wire.ActionAddHdrs, Protocol: wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail},
		on: func(n *notes, f wire.Frame) replies {
			switch {
			case n.n != 0 && n.n != int(f.Code):
				panic("another command follows")
			case code(f) == wire.CmdMacro:
				n.n = int(f.Data[0])
				return nil
			case code(f) == wire.CmdBodyEOB:
				n.n = 0
				return adding("X-Seen", "yes")
			}
			n.n = 0
			return nil
		},
	}
}

// The naive filter assumes that the macros for the header come once, before the
// header.
func countingFields() naive {
	return naive{on: func(n *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdMacro:
			if parse[wire.Macro](f).For == wire.CmdHeader {
				n.n = 0
			}
		case wire.CmdHeader:
			n.n++
		case wire.CmdBodyEOB:
			return adding("X-Fields", n.n)
		}
		return nil
	}, answer: wire.Negotiate{Actions: wire.ActionAddHdrs}}
}

func countFields(r *router, _ *notes) {
	count := framework.PerMessage[int](r)
	r.ObserveHeader(func(s *session, _ *framework.Header) error {
		*count.Get(s)++
		return nil
	})
	field(r, "X-Fields", func(s *session) any { return *count.Get(s) })
}

// The naive filter assumes that the queue ID is known at the first recipient.
func earlyQueueID() naive {
	return naive{answer: wire.Negotiate{Actions: wire.ActionAddHdrs}, on: func(n *notes, f wire.Frame) replies {
		switch code(f) {
		case wire.CmdMacro:
			m := parse[wire.Macro](f)
			if id, ok := wire.LookupMacro(m.List, "i"); ok && (m.For == wire.CmdMail || m.For == wire.CmdRcpt) {
				n.names = []string{string(id)}
			}
		case wire.CmdBodyEOB:
			return adding("X-Queue", strings.Join(n.names, ""))
		}
		return nil
	}}
}

func queueID(r *router, _ *notes) {
	id := r.WantMacro(framework.StageEndOfMessage, "i")
	field(r, "X-Queue", func(s *session) any {
		v, _ := id.Value(s)
		return v
	})
}

// The naive filter assumes that a macro list for the end of the message is
// sufficient.
func hostAtEnd() naive {
	return naive{
		answer: wire.Negotiate{
			Actions: wire.ActionAddHdrs | wire.ActionSetSymList,
			Macros:  []wire.MacroList{{Stage: wire.MacroEOM, Names: "j"}},
		},
		on: func(n *notes, f wire.Frame) replies {
			switch code(f) {
			case wire.CmdMacro:
				if m := parse[wire.Macro](f); m.For == wire.CmdBodyEOB {
					j, _ := wire.LookupMacro(m.List, "j")
					n.names = []string{string(j)}
				}
			case wire.CmdBodyEOB:
				return adding("X-Host", n.names[0])
			}
			return nil
		},
	}
}

func host(r *router, _ *notes) {
	j := r.WantMacro(framework.StageEndOfMessage, "j")
	field(r, "X-Host", func(s *session) any {
		v, _ := j.Value(s)
		return v
	})
}
