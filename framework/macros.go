package framework

import (
	"bytes"
	"strconv"

	"github.com/sluicemail/sluice/wire"
)

// macros holds the lists of macros that the MTA has sent. A list is parsed when a
// handler asks for a macro.
type macros struct {
	lists [wire.NumMacroStages][]byte
	mta   recognition

	connectCame bool // a list for the next CONNECT
	mailCame    bool // a list for the MAIL of the open message or of the next one
	rcptCame    bool // a list for the next RCPT
	contentCame bool // a list for a header field or a body chunk of the open message
}

// repeated reports whether a macro command only repeats a list. Postfix sends the
// same lists before each header field and each body chunk.
func (m *macros) repeated(data []byte) bool {
	if !m.contentCame || len(data) == 0 {
		return false
	}
	switch wire.CommandCode(data[0]) {
	case wire.CmdHeader:
		return bytes.Equal(data[1:], m.lists[wire.MacroEOH])
	case wire.CmdBody:
		return bytes.Equal(data[1:], m.lists[wire.MacroEOM])
	default:
		return false
	}
}

// keep replaces the list of a stage's macros. If all lists together have more than
// limit bytes, it returns a *wire.ProtocolError: MTAs limit what a client can put
// into macros, so the MTA is at fault.
func (m *macros) keep(stage Stage, list wire.MacroStage, raw []byte, limit int) error {
	m.connectCame = m.connectCame || stage == StageConnect
	m.mailCame = m.mailCame || stage == StageMail
	m.rcptCame = m.rcptCame || stage == StageRcpt
	m.contentCame = m.contentCame || stage == StageHeader || stage == StageBody
	if bytes.Equal(m.lists[list], raw) {
		return nil
	}
	size := len(raw) - len(m.lists[list])
	for _, l := range m.lists {
		size += len(l)
	}
	if size > limit {
		return &wire.ProtocolError{
			Message: wire.CmdMacro.String(),
			Reason:  strconv.Itoa(size) + " bytes of macros where MaxMacroBytes is " + strconv.Itoa(limit),
		}
	}
	m.lists[list] = append(m.lists[list][:0], raw...)
	return nil
}

// forConnect returns a copy of the list that came for the next CONNECT, or nil.
func (m *macros) forConnect() []byte {
	if !m.connectCame {
		return nil
	}
	return bytes.Clone(m.lists[wire.MacroConnect])
}

// beginMail drops what came for another message, unless the MTA has sent macros for this
// MAIL: those begin the message, and drop the others.
func (m *macros) beginMail() {
	if !m.mailCame {
		m.endMessage()
	}
}

// beginRcpt drops the macros of the previous recipient, unless the MTA has sent
// new ones.
func (m *macros) beginRcpt() {
	if !m.rcptCame {
		m.lists[wire.MacroEnvRcpt] = m.lists[wire.MacroEnvRcpt][:0]
	}
	m.rcptCame = false
}

// rejectedMacro is the macro whose value "error" marks a recipient that the MTA has
// refused.
const rejectedMacro = "rcpt_mailer"

// rcptRejected reports whether the MTA has refused the recipient that it shows.
func (m *macros) rcptRejected() bool {
	mailer, _ := wire.LookupMacro(m.lists[wire.MacroEnvRcpt], rejectedMacro)
	return string(mailer) == "error"
}

// lookup returns a macro's value, from the latest stage that has it. The value is
// valid until the MTA sends macros again.
func (m *macros) lookup(name string) ([]byte, bool) {
	for _, list := range [...]wire.MacroStage{
		wire.MacroEOM, wire.MacroEOH, wire.MacroData, wire.MacroEnvRcpt,
		wire.MacroEnvFrom, wire.MacroHelo, wire.MacroConnect,
	} {
		if v, ok := wire.LookupMacro(m.lists[list], name); ok {
			return v, true
		}
	}
	return nil, false
}

// lookupIn is like lookup, but prefers one list.
func (m *macros) lookupIn(list wire.MacroStage, name string) ([]byte, bool) {
	if v, ok := wire.LookupMacro(m.lists[list], name); ok {
		return v, true
	}
	return m.lookup(name)
}

// endMessage empties the lists of the message.
func (m *macros) endMessage() {
	m.mailCame, m.rcptCame, m.contentCame = false, false, false
	for list := range m.lists {
		if l := wire.MacroStage(list); l != wire.MacroConnect && l != wire.MacroHelo {
			m.lists[list] = emptied(m.lists[list])
		}
	}
}

// endSession empties all lists.
func (m *macros) endSession() {
	m.endMessage()
	m.connectCame = false
	for list := range m.lists {
		m.lists[list] = emptied(m.lists[list])
	}
}

// emptied returns the list without its content. A list of unusual size is dropped, so
// that an idle connection does not hold it.
func emptied(list []byte) []byte {
	const usual = 2 << 10
	if cap(list) > usual {
		return nil
	}
	return list[:0]
}

// spelled returns a macro's name as MTAs spell it: a name of more than one letter has
// braces.
func spelled(bare string) string {
	if len(bare) == 1 {
		return bare
	}
	return "{" + bare + "}"
}
