package mta

import (
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// Macro is a name and a value that an MTA sends beside an event, such as "i"
// with the queue id or "{daemon_name}". Names of more than one letter have
// braces.
type Macro struct {
	Name, Value string
}

// Macros queues the macros that belong to the command that follows, even when
// that command is not to be sent. The list may be empty, as Postfix's often
// is. Names and values must hold no NUL.
func (c *Conn) Macros(before wire.CommandCode, list []Macro) error {
	if err := c.ready(); err != nil {
		return err
	}
	m := wire.Macro{For: before}
	for _, macro := range list {
		if strings.Contains(macro.Name+macro.Value, "\x00") {
			return &wire.ValueError{Message: wire.CmdMacro.String(), Reason: "a value holds a NUL"}
		}
		m.List = wire.AppendMacro(m.List, macro.Name, macro.Value)
	}
	return c.queue(&m)
}

// asked returns the macros that the filter asked for at a stage, of those that
// there are; without such a list the message's own of that stage, or false
// when that has none either.
func (c *Conn) asked(stage wire.MacroStage, m *Message) ([]Macro, bool) {
	for _, list := range c.negotiated.Macros {
		if list.Stage == stage && strings.TrimSpace(list.Names) != "" {
			return m.pick(stage, strings.Fields(list.Names)), true
		}
	}
	list, ok := m.Macros[stage]
	return list, ok
}

// macroOrder is the order of the protocol, which the numbers do not follow.
var macroOrder = [wire.NumMacroStages]wire.MacroStage{
	wire.MacroConnect, wire.MacroHelo, wire.MacroEnvFrom, wire.MacroEnvRcpt,
	wire.MacroData, wire.MacroEOH, wire.MacroEOM,
}

// pick returns the named macros that have a value by the given stage.
func (m *Message) pick(stage wire.MacroStage, names []string) []Macro {
	var found []Macro
	for _, name := range names {
		if macro, ok := m.macro(stage, name); ok {
			found = append(found, macro)
		}
	}
	return found
}

// macro returns the newest value that a macro has at a stage.
func (m *Message) macro(stage wire.MacroStage, name string) (found Macro, ok bool) {
	for _, s := range macroOrder {
		for _, macro := range m.Macros[s] {
			if macro.Name == name {
				found, ok = macro, true
			}
		}
		if s == stage {
			break
		}
	}
	return found, ok
}
