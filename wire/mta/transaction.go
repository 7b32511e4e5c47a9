package mta

import (
	"maps"
	"slices"

	"github.com/sluicemail/sluice/wire"
)

// macros queues the macros of a stage before one of its commands.
func (t *transaction) macros(stage wire.MacroStage, code wire.CommandCode, extra ...Macro) error {
	if t.skipped == code || !t.exists(code) {
		return nil
	}
	list, ok := t.asked(stage, t.msg.with(stage, extra))
	if t.unsaid(code, ok) {
		return nil
	}
	return t.Macros(code, list)
}

// unsaid reports whether the MTA sends no macros before a command; listed says
// whether there is a list for it, be it without values. Postfix sends them even
// for an event of the envelope that is not sent itself, and even without list.
func (t *transaction) unsaid(code wire.CommandCode, listed bool) bool {
	suppressed := t.agreed(eventOf(code).no)
	if t.cfg.Flavor == Postfix {
		return suppressed && inContent(code)
	}
	return suppressed || !listed || code == wire.CmdHeader || code == wire.CmdBody
}

// with returns a message that has more macros at a stage.
func (m *Message) with(stage wire.MacroStage, extra []Macro) *Message {
	if len(extra) == 0 {
		return m
	}
	macros := maps.Clone(m.Macros)
	macros[stage] = append(slices.Clone(m.Macros[stage]), extra...)
	return &Message{Macros: macros}
}

// once runs an event that has its macros before it.
func (t *transaction) once(stage wire.MacroStage, cmd wire.Command) error {
	code := cmd.CommandCode()
	if err := t.macros(stage, code); err != nil {
		return err
	}
	r, err := t.event(t.ctx, cmd)
	if err == nil {
		t.note(code, "", r)
	}
	return err
}

func (t *transaction) connect() error {
	client := t.msg.Client
	return t.once(wire.MacroConnect, &wire.Connect{
		Host: []byte(client.Host), Family: client.Family, Port: client.Port, Address: []byte(client.Addr),
	})
}

func (t *transaction) helo() error {
	return t.once(wire.MacroHelo, &wire.Helo{Name: []byte(t.msg.Helo)})
}

func (t *transaction) mail() error {
	sender := t.msg.Sender
	err := t.once(wire.MacroEnvFrom, &wire.Mail{Sender: []byte(sender.Addr), Args: texts(sender.Args)})
	if t.out.Verdict.Code == wire.RepAccept {
		t.out.Accepted = accepted(t.msg.Recipients)
	}
	return err
}

func (t *transaction) data() error {
	return t.once(wire.MacroData, &wire.BareCommand{Code: wire.CmdData})
}

func (t *transaction) endOfHeaders() error {
	return t.once(wire.MacroEOH, &wire.BareCommand{Code: wire.CmdEOH})
}
