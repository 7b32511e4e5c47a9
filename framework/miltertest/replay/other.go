package replay

import (
	"context"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// other plays the recorded messages as another MTA than the recorded one.
type other struct {
	player

	// wanted are the macros that the new filter requests, by message.
	wanted map[*message]macroLists
}

type macroLists map[wire.MacroStage][]mta.Macro

// wantsMacros collects the macros that the new filter requests at a step. It returns the reason if
// the record does not tell whether one had a value.
func (o *other) wantsMacros(i int) error {
	o.known.pass(i)
	s := &o.conv.steps[i]
	stage, ok := listOf(s.code)
	names, listed := requested(&o.answer, stage)
	if !ok || !listed || s.stray {
		return nil
	}
	for name := range strings.FieldsSeq(names) {
		if ofMTA(name) || ofMessage(name) {
			continue
		}
		value, has, certain := o.known.lookup(stage, name)
		if !certain {
			if err := o.unknownMacro(s, name); err != nil {
				return err
			}
		}
		if has {
			o.want(s, stage, mta.Macro{Name: name, Value: value})
		}
	}
	return nil
}

// want adds a macro to the message of a step, or to all messages of its session.
func (o *other) want(s *step, stage wire.MacroStage, m mta.Macro) {
	for i, t := range o.conv.texts {
		ofSession := s.message < 0 && t.session == o.known.session
		if !ofSession && s.message != i {
			continue
		}
		if o.wanted[t] == nil {
			o.wanted[t] = make(macroLists)
		}
		if !slices.Contains(o.wanted[t][stage], m) {
			o.wanted[t][stage] = append(o.wanted[t][stage], m)
		}
	}
}

// ofMessage reports whether the MTA that is played has the macro from the message itself.
func ofMessage(name string) bool {
	switch name {
	case "j", "{client_addr}", "{client_name}", "{client_port}", "{mail_addr}", "{mail_host}", "{rcpt_addr}", "{rcpt_host}":
		return true
	default:
		return false
	}
}

// play sends each message. It stops where the record does.
func (o *other) play(ctx context.Context) error {
	if err := o.static(); err != nil {
		return err
	}
	if err := o.missing(); err != nil {
		return err
	}
	o.wanted = make(map[*message]macroLists)
	for i := range o.conv.steps {
		if err := o.wantsMacros(i); err != nil {
			return err
		}
	}
	for i, t := range o.conv.texts {
		if i > 0 && t.session != o.conv.texts[i-1].session {
			if err := o.conn.QuitNC(); err != nil {
				return err
			}
		}
		out, _, err := o.conn.SendEvents(ctx, o.message(t), t.events)
		if err != nil {
			for _, r := range o.new.runs[i:] {
				r.fail(err)
			}
			return err
		}
		if !t.alone || t.Helo != "" || out.DecidedAt == mta.StageConnect {
			o.note(i, out)
		}
	}
	for _, r := range o.new.runs {
		r.conclude()
		r.endless = r.decided == nil
	}
	return o.checkEndless()
}

// note takes over an outcome as the course of a message.
func (o *other) note(i int, out *mta.Outcome) {
	r := o.new.runs[i]
	r.accepted, r.refused, r.mods = out.Accepted, out.Refused, out.Modifications
	if out.Verdict.Final() || out.DecidedAt == mta.StageEndOfMessage {
		r.decided = &decision{out.Verdict, out.DecidedAt}
	}
}

// missing returns the reason if the filter asks for what was not recorded. Here the whole
// message must be there, even if the filter decides before it has read it.
func (o *other) missing() error {
	for _, code := range []wire.CommandCode{wire.CmdConnect, wire.CmdHelo, wire.CmdMail, wire.CmdRcpt, wire.CmdHeader, wire.CmdBody} {
		if declines(&o.conv.answer, code) && !declines(&o.answer, code) {
			return notReplayable("the filter asks for %s, which the recorded one had not asked for", inWords(code))
		}
	}
	for i := range o.conv.steps {
		s := &o.conv.steps[i]
		if s.message >= 0 && s.missing && o.wants(s) {
			return notReplayable("the filter asks for %s, which was not recorded", inWords(s.code))
		}
		if s.response != nil && s.response.Code == wire.RepSkip && !declines(&o.answer, s.code) {
			return notReplayable("the recorded filter skipped the rest of %s, which is not the same on another MTA", inWords(s.code))
		}
	}
	return nil
}

// message returns a message with the macros that do not depend on the MTA.
func (o *other) message(t *message) *mta.Message {
	m := t.Message
	m.ExtraMacros = make(map[wire.MacroStage][]mta.Macro)
	for i := range o.conv.steps {
		s := &o.conv.steps[i]
		stage, ok := listOf(s.code)
		if !ok || s.macros == nil || s.code == wire.CmdRcpt || s.message >= 0 && o.conv.texts[s.message] != t {
			continue
		}
		for name, value := range wire.Macros(s.macros[1:]) {
			macro := mta.Macro{Name: string(name), Value: string(value)}
			if !ofMTA(macro.Name) && !slices.Contains(m.ExtraMacros[stage], macro) {
				m.ExtraMacros[stage] = append(m.ExtraMacros[stage], macro)
			}
		}
	}
	for stage, list := range o.wanted[t] {
		for _, macro := range list {
			if !slices.Contains(m.ExtraMacros[stage], macro) {
				m.ExtraMacros[stage] = append(m.ExtraMacros[stage], macro)
			}
		}
	}
	return &m
}

// ofMTA reports whether a macro belongs to the MTA rather than to the client or the message.
// The other MTA has its own.
func ofMTA(name string) bool {
	switch name {
	case "v", "t", "i", "_", "{msg_id}", "{mail_mailer}", "{rcpt_mailer}", "{client_connections}":
		return true
	default:
		return strings.HasPrefix(name, "{daemon_") || strings.HasPrefix(name, "{if_")
	}
}
