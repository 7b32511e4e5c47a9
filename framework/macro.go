package framework

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// Macro is a macro of the MTA that the router asked for. The zero Macro has no
// value anywhere.
type Macro struct {
	reg  *registry
	name string
	list wire.MacroStage
}

type macroSpec struct {
	list  wire.MacroStage
	stage Stage
	name  string
	by    asker
}

// WantMacro asks the MTA to send a macro at a stage: Connect, Helo, Mail,
// Rcpt, Data, EndOfHeaders or EndOfMessage. The name may be given with or
// without its braces. The stage is kept open even when no handler is
// registered for it, and costs no answer then.
//
// MTAs set each macro at certain stages only: Postfix has i, the queue id,
// from the first accepted recipient on.
func (r *Router) WantMacro(stage Stage, name string) Macro {
	r.reg.mustBeOpen()
	m, err := r.wantMacro(stage, name, asker{"WantMacro", caller(), r.lane.name})
	if err != nil {
		r.mistake("%w", err)
	}
	return m
}

func (r *Router) wantMacro(stage Stage, name string, by asker) (Macro, error) {
	list, ok := stage.macros()
	bare := strings.TrimSuffix(strings.TrimPrefix(name, "{"), "}")
	switch {
	case !ok || stage == StageHeader || stage == StageBody:
		return Macro{}, fmt.Errorf("WantMacro(%q) at the stage %v, which has no macros of its own", name, stage)
	case bare == "" || strings.ContainsAny(bare, " ,{}\x00\t\r\n"):
		return Macro{}, fmt.Errorf("WantMacro with the name %q", name)
	}
	r.lane.macros = append(r.lane.macros, macroSpec{list, stage, bare, by})
	return Macro{r.reg, bare, list}, nil
}

// Value returns the macro's value and whether the MTA has sent one in this
// session or message. An MTA that does not let filters choose their macros may
// send it at another stage than the one asked for; it is found there too.
// Value panics for a macro of another router, as [Slot.Get] does.
func (m Macro) Value(s *Session) (string, bool) {
	v, ok := m.raw(s)
	return string(v), ok
}

// Append appends the macro's value to dst, and is Value in all other respects:
// for those who look at many macros, and keep few.
func (m Macro) Append(dst []byte, s *Session) ([]byte, bool) {
	v, ok := m.raw(s)
	return append(dst, v...), ok
}

// raw is the value, valid until macros come.
func (m Macro) raw(s *Session) ([]byte, bool) {
	if m.reg == nil {
		return nil, false
	}
	s.mustOwn(m.reg, "macro")
	if v, ok := wire.LookupMacro(s.macros[m.list], m.name); ok {
		return v, true
	}
	return s.rawMacro(m.name)
}

// keepMacros keeps a list in the place of the last one. What macros hold comes
// from the MTA, which bounds what its clients may put in: too much of it is the
// MTA's own fault, and there is no message yet that could be refused for it.
func (s *Session) keepMacros(list wire.MacroStage, raw []byte) error {
	size := len(raw) - len(s.macros[list])
	for _, l := range s.macros {
		size += len(l)
	}
	if most := s.link.cfg.MaxMacroBytes; size > most {
		return &wire.ProtocolError{
			Message: wire.CmdMacro.String(),
			Reason:  strconv.Itoa(size) + " bytes of macros where MaxMacroBytes is " + strconv.Itoa(most),
		}
	}
	s.macros[list] = append(s.macros[list][:0], raw...)
	return nil
}

// Name returns the macro's name without its braces.
func (m Macro) Name() string { return m.name }

// spelled returns the name as it travels: a name longer than one letter has
// braces.
func spelled(bare string) string {
	if len(bare) == 1 {
		return bare
	}
	return "{" + bare + "}"
}
