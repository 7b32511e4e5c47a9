package mta

import (
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// Macro is a name and a value that an MTA sends along with an event, such as
// "i" with the queue ID, or "{daemon_name}". Names of more than one letter have
// braces.
type Macro struct {
	Name, Value string
}

// Macros queues the macros for the command that follows. An MTA may send macros
// even if it then omits the command. The list may be empty, as it often is with
// Postfix. Names and values must not contain a NUL.
func (c *Conn) Macros(before wire.CommandCode, list []Macro) error {
	if err := c.ready(); err != nil {
		return err
	}
	m := wire.Macro{For: before}
	for _, macro := range list {
		if strings.Contains(macro.Name+macro.Value, "\x00") {
			return &wire.ValueError{Message: wire.CmdMacro.String(), Reason: "value contains a NUL"}
		}
		m.List = wire.AppendMacro(m.List, macro.Name, macro.Value)
	}
	if c.has(OddMacros) {
		m.List = append(m.List, "{no_value}\x00"...)
	}
	return c.queue(&m)
}

// macrosFor returns the macros to send at a stage. If the filter requested a
// list for the stage, these are the requested macros that have a value.
// Otherwise they are the message's macros for the stage. It returns false if
// there is no list at all.
func (c *Conn) macrosFor(stage wire.MacroStage, m *Message) ([]Macro, bool) {
	names, listed := c.effectiveList(stage)
	switch {
	case !listed || names == "" && c.has(EmptyListDefault):
		list, ok := m.Macros[stage]
		return list, ok
	case strings.TrimSpace(names) == "":
		return nil, false
	default:
		return c.pick(m, stage, strings.Fields(names)), true
	}
}

// effectiveList returns the names that the filter requested at a stage, and
// whether it requested a list there. Quirks of the MTA may make the MTA ignore
// a list.
func (c *Conn) effectiveList(stage wire.MacroStage) (string, bool) {
	names, ok := c.requestedList(stage)
	if stage != wire.MacroEOM || !c.has(EndListNeedsEOH) {
		return names, ok
	}
	if _, eoh := c.requestedList(wire.MacroEOH); !eoh {
		return "", false
	}
	return names, true
}

func (c *Conn) requestedList(stage wire.MacroStage) (names string, ok bool) {
	for _, list := range c.negotiated.Macros {
		if list.Stage == stage {
			return list.Names, true
		}
	}
	return "", false
}

// macroOrder is the order of the stages in the protocol. Their numbers do not
// follow that order.
var macroOrder = [wire.NumMacroStages]wire.MacroStage{
	wire.MacroConnect, wire.MacroHelo, wire.MacroEnvFrom, wire.MacroEnvRcpt,
	wire.MacroData, wire.MacroEOH, wire.MacroEOM,
}

// pick returns the named macros that have a value at the given stage.
func (c *Conn) pick(m *Message, stage wire.MacroStage, names []string) []Macro {
	var found []Macro
	for _, name := range names {
		macro, ok := m.macro(stage, name)
		if !ok {
			macro, ok = c.onRequest(m, stage, name)
		}
		if ok {
			found = append(found, macro)
		}
	}
	return found
}

// onRequest returns a macro that MTAs send only if a filter requests it.
func (c *Conn) onRequest(m *Message, stage wire.MacroStage, name string) (Macro, bool) {
	switch {
	case name == "{client_addr}":
		return Macro{name, m.Client.Addr}, true
	case name == "{client_name}":
		return Macro{name, m.Client.Host}, true
	case name == "{client_port}":
		return Macro{name, strconv.Itoa(int(m.Client.Port))}, true
	case name == "v" && c.cfg.Flavor == Sendmail:
		return Macro{name, "8.17.1.9"}, true
	case name == "t" && c.cfg.Flavor == Sendmail:
		return Macro{name, "202601021504"}, true
	case name == "{client_connections}" && c.cfg.Flavor == Postfix && stage == wire.MacroConnect:
		return Macro{name, "1"}, true
	}
	return Macro{}, false
}

// macro returns the latest value that a macro has at a stage.
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
