package framework

import (
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// Macro is a macro of the MTA that the router asked for. The zero Macro has no value.
type Macro struct {
	reg  *registry
	name string
	list wire.MacroStage
}

// WantMacro asks the MTA to send a macro at a stage: Connect, Helo, Mail, Rcpt, Data,
// EndOfHeaders or EndOfMessage. The name may be given with or without braces. The MTA
// then sends the stage even if no handler is registered for it, and does not wait for
// an answer.
//
// MTAs set each macro at certain stages only: Postfix has i, the queue id, from the
// first accepted recipient on.
func (r *wants) WantMacro(stage Stage, name string) Macro {
	r.in.reg.mustBeOpen()
	m, err := r.in.wantMacro(stage, name, asker{"WantMacro", caller(), r.in.lane.name})
	if err != nil {
		r.in.mistake("%w", err)
	}
	return m
}

func (in *scope) wantMacro(stage Stage, name string, by asker) (Macro, error) {
	list, ok := stage.macros()
	bare := strings.TrimSuffix(strings.TrimPrefix(name, "{"), "}")
	switch {
	case !ok || stage == StageHeader || stage == StageBody:
		return Macro{}, fmt.Errorf("WantMacro(%q) at the stage %v, which has no macros of its own", name, stage)
	case bare == "" || strings.ContainsAny(bare, " ,{}\x00\t\r\n"):
		return Macro{}, fmt.Errorf("WantMacro with the name %q", name)
	}
	in.lane.macros = append(in.lane.macros, macroSpec{list, stage, bare, by})
	return Macro{in.reg, bare, list}, nil
}

// WantMacro asks for a macro, as [Router.WantMacro] does.
func (rt *Route) WantMacro(stage Stage, name string) Macro {
	m, err := rt.scope.wantMacro(stage, name, rt.asker())
	if err != nil {
		rt.Errorf("%w", err)
	}
	return m
}

// Name returns the macro's name without braces.
func (m Macro) Name() string { return m.name }

// Value returns the macro's value, and whether the MTA has sent one in this session
// or message. An MTA that does not let filters choose their macros may send it at
// another stage; Value finds it there too. Value panics for a macro of another
// router, as [Slot.Get] does.
func (m Macro) Value(s *Session) (string, bool) {
	v, ok := m.raw(s)
	return string(v), ok
}

// Append appends the macro's value to dst and is otherwise like Value. It is for
// callers that look at many macros and retain only a few of them.
func (m Macro) Append(dst []byte, s *Session) ([]byte, bool) {
	v, ok := m.raw(s)
	return append(dst, v...), ok
}

// raw returns the value, which is valid until the MTA sends macros again.
func (m Macro) raw(s *Session) ([]byte, bool) {
	if m.reg == nil {
		return nil, false
	}
	s.mustOwn(m.reg, "macro")
	return s.macros.lookupIn(m.list, m.name)
}
