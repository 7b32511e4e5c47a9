package remote

import (
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// sentLists are the lists of macros that the milter got: a bit for each list, and for
// the header and the body.
type sentLists uint16

const (
	sentForHeader sentLists = 1 << (wire.NumMacroStages + iota)
	sentForBody
)

// first reports whether the lists of the mask were not sent before, and records that they
// are.
func (l *sentLists) first(mask sentLists) bool {
	was := *l&mask != 0
	*l |= mask
	return !was
}

// macrosBefore returns the macros that the milter gets before an event: the list of the
// event, and the lists of earlier stages that it declined. Postfix does so, too.
//
// An empty list precedes the first field and the first chunk of the body. It shows the
// milter that the lane counts header fields as Postfix does: see package framework on how
// MTAs are recognised.
func (l *lane) macrosBefore(s *framework.Session, ss *session, msg *transaction, at framework.Stage, code wire.CommandCode) []packet {
	if code == wire.CmdUnknown {
		return nil
	}
	var packets []packet
	for _, st := range macroStages() {
		if st.stage > at || len(l.macros[st.list]) == 0 {
			continue
		}
		scope := &ss.macros
		if st.stage >= framework.StageMail {
			scope = &msg.macros
		}
		if first := scope.first(1 << st.list); !first && st.next != code {
			continue
		}
		p := packet{st.next, l.values(s, st.list)}
		packets = append(packets, p)
		if scope == &ss.macros && st.next != code {
			ss.early = append(ss.early, p)
		}
	}
	switch {
	case code == wire.CmdHeader && msg.macros.first(sentForHeader):
		packets = append(packets, packet{before: wire.CmdHeader})
	case code == wire.CmdBody && msg.macros.first(sentForBody):
		packets = append(packets, packet{before: wire.CmdBody})
	}
	return packets
}

// values returns the macros of a list that have a value.
func (l *lane) values(s *framework.Session, list wire.MacroStage) []mta.Macro {
	var out []mta.Macro
	for _, m := range l.macros[list] {
		if value, ok := m.Value(s); ok {
			out = append(out, mta.Macro{Name: spelled(m.Name()), Value: value})
		}
	}
	return out
}

// spelled returns a macro's name as MTAs spell it: a name of more than one letter has
// braces.
func spelled(name string) string {
	if len(name) == 1 {
		return name
	}
	return "{" + name + "}"
}
