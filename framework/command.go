package framework

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/sluicemail/sluice/wire"
)

// errQuit ends a session that the MTA ended.
var errQuit = errors.New("framework: the MTA is done")

// command hands one frame of the MTA on to what it is about.
func (s *Session) command(f wire.Frame) error {
	code := wire.CommandCode(f.Code)
	s.link.ask(code)
	switch code {
	case wire.CmdMacro:
		return s.onMacro(f.Data)
	case wire.CmdConnect:
		return s.onConnect(f.Data)
	case wire.CmdHelo:
		return s.onHelo(f.Data)
	case wire.CmdMail:
		return s.onMail(f.Data)
	case wire.CmdRcpt:
		return s.onRcpt(f.Data)
	case wire.CmdData:
		return s.onPlain(StageData, &s.event.data)
	case wire.CmdHeader:
		return s.onHeader(f.Data)
	case wire.CmdEOH:
		return s.onPlain(StageEndOfHeaders, &s.event.eoh)
	case wire.CmdBody:
		return s.onBody(f.Data)
	case wire.CmdBodyEOB:
		return s.onEndOfBody(f.Data)
	case wire.CmdUnknown:
		return s.onUnknown(f.Data)
	case wire.CmdAbort:
		s.end()
		return nil
	case wire.CmdQuitNC:
		s.finish()
		s.id, s.log = "", nil
		if s.link.drain.on() {
			return errDrained // the MTA keeps the connection for other sessions, which are to go elsewhere
		}
		return nil
	case wire.CmdQuit:
		return errQuit
	case wire.CmdOptNeg:
		return &wire.ProtocolError{Message: code.String(), Reason: "it came a second time"}
	}
	return &wire.ProtocolError{Message: "frame", Reason: "unknown command " + strconv.QuoteRune(rune(f.Code))}
}

// onMacro keeps a list of macros.
func (s *Session) onMacro(data []byte) error {
	if s.repeats && s.repeated(data) {
		return nil
	}
	var m wire.Macro
	if err := m.Decode(data); err != nil {
		return err
	}
	list, ok := macroList(m.For)
	if !ok {
		return nil
	}
	if m.For == wire.CmdMail {
		s.end() // a new message, though nobody said that the last is over
		s.announced = true
	}
	s.open = true
	s.fresh = s.fresh || m.For == wire.CmdRcpt
	s.repeats = s.repeats || m.For == wire.CmdHeader || m.For == wire.CmdBody
	if bytes.Equal(s.macros[list], m.List) {
		return nil
	}
	return s.keepMacros(list, m.List)
}

// repeated reports whether Postfix only says again what it said before the last
// header field or chunk of the body, as it does before each of them.
func (s *Session) repeated(data []byte) bool {
	if len(data) == 0 {
		return false
	}
	switch wire.CommandCode(data[0]) {
	case wire.CmdHeader:
		return bytes.Equal(data[1:], s.macros[wire.MacroEOH])
	case wire.CmdBody:
		return bytes.Equal(data[1:], s.macros[wire.MacroEOM])
	default:
		return false
	}
}

// macroList returns the list that holds the macros of a command.
func macroList(c wire.CommandCode) (wire.MacroStage, bool) {
	switch c {
	case wire.CmdConnect:
		return wire.MacroConnect, true
	case wire.CmdHelo:
		return wire.MacroHelo, true
	case wire.CmdMail:
		return wire.MacroEnvFrom, true
	case wire.CmdRcpt:
		return wire.MacroEnvRcpt, true
	case wire.CmdData:
		return wire.MacroData, true
	case wire.CmdHeader, wire.CmdEOH:
		return wire.MacroEOH, true
	case wire.CmdBody, wire.CmdBodyEOB:
		return wire.MacroEOM, true
	default:
		return 0, false
	}
}

func (s *Session) onConnect(data []byte) error {
	e := &s.event.connect
	if err := e.msg.Decode(data); err != nil {
		return err
	}
	if s.greeted {
		return &wire.ProtocolError{Message: StageConnect.String(), Reason: "it came in the middle of a session"}
	}
	s.open, s.greeted = true, true
	s.keepClient(&e.msg)
	s.deliver(StageConnect, e)
	return nil
}

func (s *Session) onHelo(data []byte) error {
	var m wire.Helo
	if err := m.Decode(data); err != nil {
		return err
	}
	s.end()
	s.open, s.greeted = true, true
	s.event.helo.name = m.Name
	if s.plan.reg.helo {
		s.client.helo = string(m.Name)
	}
	s.deliver(StageHelo, &s.event.helo)
	return nil
}

func (s *Session) onMail(data []byte) error {
	e := &s.event.mail
	if err := e.msg.Decode(data); err != nil {
		return err
	}
	if err := s.advance(StageMail); err != nil {
		return err
	}
	if s.keeps(s.plan.envelope, theEnvelope) {
		s.keepSender(e.Sender())
	}
	s.deliver(StageMail, e)
	return nil
}

func (s *Session) onRcpt(data []byte) error {
	e := &s.event.rcpt
	if err := e.msg.Decode(data); err != nil {
		return err
	}
	if err := s.advance(StageRcpt); err != nil {
		return err
	}
	if !s.fresh { // what is there is of the recipient before
		s.macros[wire.MacroEnvRcpt] = s.macros[wire.MacroEnvRcpt][:0]
	}
	s.fresh = false
	if s.refused() {
		s.event.rejected.Rcpt = *e
		v := s.ask(s.plan.rejected, StageRcpt, &s.event.rejected)
		if v.Refuses() {
			v = Continue // it is refused already
		}
		s.answer(StageRcpt, v)
		return nil
	}
	v := s.ask(s.plan.live[StageRcpt], StageRcpt, e)
	if !v.ends() && s.keeps(s.plan.envelope, theEnvelope) {
		v = s.keepRecipient(e.Recipient())
	}
	if !v.ends() && !s.pending.ends() {
		s.ending.Recipients++
	}
	s.answer(StageRcpt, v)
	return nil
}

// refused reports whether the recipient is one that the MTA refused already.
func (s *Session) refused() bool {
	if !s.nego.Protocol.Has(wire.ProtoRcptRej) {
		return false
	}
	mailer, _ := wire.LookupMacro(s.macros[wire.MacroEnvRcpt], refusedMacro)
	return string(mailer) == "error"
}

func (s *Session) onPlain(stage Stage, e Event) error {
	if err := s.advance(stage); err != nil {
		return err
	}
	s.deliver(stage, e)
	return nil
}

func (s *Session) onHeader(data []byte) error {
	e := &s.event.header
	e.named, e.valued, e.id = false, false, 0
	e.view, e.viewed = nil, view{}
	if err := e.msg.Decode(data); err != nil {
		return err
	}
	if err := s.advance(StageHeader); err != nil {
		return err
	}
	s.keepField(e)
	s.deliver(StageHeader, e)
	return nil
}

func (s *Session) onBody(data []byte) error {
	if err := s.advance(StageBody); err != nil {
		return err
	}
	s.answer(StageBody, s.showBody(data))
	return nil
}

func (s *Session) onUnknown(data []byte) error {
	var m wire.Unknown
	if err := m.Decode(data); err != nil {
		return err
	}
	s.open = true
	s.event.unknown.line = m.Line
	s.deliver(StageUnknown, &s.event.unknown)
	return nil
}
