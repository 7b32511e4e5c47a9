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
	from Stage // that a filter asked for; middleware may read a macro at any stage
}

// WantMacro asks the MTA to send a macro at a stage: Connect, Helo, Mail, Rcpt, Data,
// EndOfHeaders or EndOfMessage. The name may be given with or without braces. The MTA
// then sends the stage even if no handler is registered for it, and does not wait for
// an answer.
//
// MTAs have each macro from a certain stage on: see [StageOfMacro]. Postfix has i, the queue
// id, from the first accepted recipient on. To ask for a well-known macro before the stage
// at which MTAs set it is a mistake, which [Router.Plan] returns: auth_authen at Connect is
// there only if a proxy of Postfix passed it with XCLIENT, and then also at Mail. Other
// names are accepted at any stage.
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
	if at, known := stagesOfMacro(bare); known && stage < at.either {
		return Macro{}, fmt.Errorf("WantMacro(%q) at the stage %v: MTAs have the macro from the stage %v on", name, stage, at.either)
	}
	in.lane.macros = append(in.lane.macros, macroSpec{list, stage, bare, by})
	return Macro{in.reg, bare, list, stage}, nil
}

// WantMacro asks for a macro, as [Router.WantMacro] does.
func (rt *Route) WantMacro(stage Stage, name string) Macro {
	rt.scope.reg.mustBeOpen()
	m, err := rt.scope.wantMacro(stage, name, rt.asker())
	if err != nil {
		rt.Errorf("%w", err)
	}
	m.from = StageConnect
	return m
}

// Name returns the macro's name without braces.
func (m Macro) Name() string { return m.name }

// Value returns the macro's value, and whether the MTA has sent one in this session
// or message. An MTA that does not let filters choose their macros may send it at
// another stage; Value finds it there too. If a filter reads a macro before the stage at
// which it asked for it, there is no value, and the server logs a warning once. Value
// panics for a macro of another router, as [Slot.Get] does.
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
	v, ok := s.macros.lookupIn(m.list, m.name)
	if !ok {
		readsMacro(s, &m)
	}
	return v, ok
}

// readsMacro logs that a macro without a value is read before the stage at which the
// filter asked for it.
func readsMacro(s *Session, m *Macro) {
	stage := s.watch.stage
	if s.inMessage() {
		stage = messageStage(s)
	}
	if stage < m.from {
		journal{s}.wrongStage("Macro.Value of "+m.name, "the macro was asked for at the stage "+m.from.String()+
			": read it there or later, or ask for it at this stage")
	}
}

// macroStages says from which stage on MTAs know a well-known macro.
type macroStages struct {
	both   Stage // Postfix and Sendmail
	either Stage // the first of the two
}

// stagesOfMacro returns the stages of a well-known macro, whose name has no braces. The
// sources are MILTER_README of Postfix, section "Available macros", and the list of macros
// in Sendmail's libmilter documentation.
//
// The macros of TLS are there at CONNECT if TLS begins before SMTP. Sendmail has the queue
// ID at MAIL, and Postfix from the first accepted recipient on. Sendmail alone has msg_id.
func stagesOfMacro(name string) (macroStages, bool) {
	switch name {
	case "v", "j", "_", "client_name", "client_addr", "client_port", "client_ptr", "client_resolve", "client_connections",
		"daemon_name", "daemon_addr", "daemon_port", "if_name", "if_addr":
		return macroStages{StageConnect, StageConnect}, true
	case "tls_version", "cipher", "cipher_bits", "cert_subject", "cert_issuer", "verify":
		return macroStages{StageHelo, StageConnect}, true
	case "auth_authen", "auth_type", "auth_author", "auth_ssf", "mail_addr", "mail_mailer", "mail_host":
		return macroStages{StageMail, StageMail}, true
	case "rcpt_addr", "rcpt_mailer", "rcpt_host":
		return macroStages{StageRcpt, StageRcpt}, true
	case "i":
		return macroStages{StageData, StageMail}, true
	case "msg_id":
		return macroStages{StageEndOfMessage, StageEndOfHeaders}, true
	}
	return macroStages{}, false
}

// StageOfMacro returns the first stage at which Postfix and Sendmail both have a macro, and
// whether the macro is a well-known one. The name has no braces. For the queue ID, which
// Sendmail has at Mail, it returns Data. [Router.WantMacro] does not accept a stage at
// which neither of the two has the macro.
func StageOfMacro(name string) (Stage, bool) {
	at, ok := stagesOfMacro(name)
	return at.both, ok
}
