package mta

import (
	"maps"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// macros queues the macros of a stage before one of its commands.
func (t *transaction) macros(stage wire.MacroStage, code wire.CommandCode, extra ...Macro) error {
	if t.skipped == code || !t.exists(code) {
		return nil
	}
	list, ok := t.macrosFor(stage, t.msg.with(stage, extra))
	if t.omitsMacros(code, list, ok) {
		return nil
	}
	return t.Macros(code, list)
}

// omitsMacros reports whether the MTA sends no macros before a command. listed
// reports whether there is a list for the command, possibly without values. The
// MTA never sends macros for content that it does not send.
func (t *transaction) omitsMacros(code wire.CommandCode, list []Macro, listed bool) bool {
	withheld := t.agreed(eventOf(code).no)
	switch {
	case len(list) == 0 && !t.has(EmptyMacros) && !t.has(MacrosUnasked):
		return true
	case withheld && inContent(code):
		return true
	case (code == wire.CmdHeader || code == wire.CmdBody) && !t.has(MacrosEveryField):
		return true
	}
	return withheld && !t.has(MacrosForWithheld) || !listed && !t.has(MacrosUnasked)
}

// with returns a message with additional macros at a stage.
func (m *Message) with(stage wire.MacroStage, extra []Macro) *Message {
	if len(extra) == 0 {
		return m
	}
	c := *m
	c.Macros = maps.Clone(m.Macros)
	c.Macros[stage] = append(slices.Clone(m.Macros[stage]), extra...)
	return &c
}

// macrosAndEvent sends the macros of a command and the command, and records the
// response.
func (t *transaction) macrosAndEvent(stage wire.MacroStage, cmd wire.Command) error {
	code := cmd.CommandCode()
	if err := t.takeEvent(); err != nil {
		return err
	}
	if err := t.macros(stage, code); err != nil {
		return err
	}
	r, err := t.event(t.ctx, cmd)
	if err == nil {
		t.record(code, "", r)
	}
	return err
}

func (t *transaction) connect() error {
	client := t.msg.Client
	event := &wire.Connect{
		Host: []byte(client.Host), Family: client.Family, Port: client.Port, Address: []byte(client.Addr),
	}
	if t.has(HeloAsHost) {
		event.Host = []byte(t.msg.Helo)
	}
	switch {
	case t.has(UnknownFamily):
		event.Family, event.Port, event.Address = wire.FamilyUnknown, 0, nil
	case t.has(IPv6Prefix) && client.Family == wire.FamilyInet6 && !strings.HasPrefix(client.Addr, "IPv6:"):
		event.Address = []byte("IPv6:" + client.Addr)
	}
	return t.macrosAndEvent(wire.MacroConnect, event)
}

func (t *transaction) helo() error {
	return t.macrosAndEvent(wire.MacroHelo, &wire.Helo{Name: []byte(t.msg.Helo)})
}

func (t *transaction) mail() error {
	if err := t.strayMacros(); err != nil {
		return err
	}
	sender := t.address(t.msg.Sender)
	err := t.macrosAndEvent(wire.MacroEnvFrom, &wire.Mail{Sender: []byte(sender.Addr), Args: t.args(sender.Args)})
	if t.out.Verdict.Code == wire.RepAccept {
		t.out.Accepted = accepted(t.msg.Recipients)
	}
	return err
}

// strayMacros sends macros for a command that does not exist.
func (t *transaction) strayMacros() error {
	if !t.has(StrayMacros) {
		return nil
	}
	return t.Macros('Z', []Macro{{"{no_command}", "Z"}})
}

// address returns the address in the MTA's spelling.
func (t *transaction) address(a Address) Address {
	if t.has(NoBrackets) && a.Addr != "<>" {
		a.Addr = bare(a.Addr)
	}
	if at := strings.LastIndexByte(a.Addr, '@'); at >= 0 && t.has(LowerDomains) {
		a.Addr = a.Addr[:at] + strings.ToLower(a.Addr[at:])
	}
	return a
}

func (t *transaction) data() error {
	if t.has(NoData) {
		return nil
	}
	if t.has(DataAgain) {
		if err := t.sendData(); err != nil || t.out.Verdict.Final() {
			return err
		}
	}
	return t.sendData()
}

func (t *transaction) sendData() error {
	return t.macrosAndEvent(wire.MacroData, &wire.BareCommand{Code: wire.CmdData})
}

func (t *transaction) endOfHeaders() error {
	return t.macrosAndEvent(wire.MacroEOH, &wire.BareCommand{Code: wire.CmdEOH})
}
