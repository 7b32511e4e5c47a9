package framework

import (
	"strconv"

	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/wire"
)

// command handles one frame of the MTA.
func (c *connection) command(f wire.Frame) error {
	code := wire.CommandCode(f.Code)
	c.session.watch.request(code)
	switch code {
	case wire.CmdMacro:
		return c.handleMacro(f.Data)
	case wire.CmdConnect:
		return c.handleConnect(f.Data)
	case wire.CmdHelo:
		return c.handleHelo(f.Data)
	case wire.CmdMail:
		return c.handleMail(f.Data)
	case wire.CmdRcpt:
		return c.handleRcpt(f.Data)
	case wire.CmdData:
		return c.handlePlain(StageData, &c.session.event.data)
	case wire.CmdHeader:
		return c.handleHeader(f.Data)
	case wire.CmdEOH:
		return c.handlePlain(StageEndOfHeaders, &c.session.event.eoh)
	case wire.CmdBody:
		return c.handleBody(f.Data)
	case wire.CmdBodyEOB:
		return c.handleEndOfBody(f.Data)
	case wire.CmdUnknown:
		return c.handleUnknown(f.Data)
	case wire.CmdAbort:
		c.session.endMessage()
		return nil
	case wire.CmdQuitNC:
		return c.handleQuitNC()
	case wire.CmdQuit:
		return errQuit
	case wire.CmdOptNeg:
		return &wire.ProtocolError{Message: code.String(), Reason: "it came a second time"}
	}
	return &wire.ProtocolError{Message: "frame", Reason: "unknown command " + strconv.QuoteRune(rune(f.Code))}
}

// handleMacro stores a list of macros that the MTA sent.
func (c *connection) handleMacro(data []byte) error {
	s := c.session
	if s.macros.repeated(data) {
		return nil
	}
	var m wire.Macro
	if err := m.Decode(data); err != nil {
		return err
	}
	stage, ok := stageOf(m.For)
	if !ok {
		return nil
	}
	list, ok := stage.macros()
	if !ok {
		return nil
	}
	if stage == StageMail {
		s.endMessage() // a new message begins, even if nothing ended the last one
	}
	s.smtp.reach(stateOpen)
	return s.macros.keep(stage, list, m.List, s.shared.cfg.MaxMacroBytes)
}

func (c *connection) handleConnect(data []byte) error {
	s := c.session
	e := &s.event.connect
	if err := e.msg.Decode(data); err != nil {
		return err
	}
	if s.smtp.state >= stateGreeted {
		return &wire.ProtocolError{Message: StageConnect.String(), Reason: "it came in the middle of a session"}
	}
	s.smtp.reach(stateGreeted)
	if s.plan.keeps.client {
		s.smtp.host, s.smtp.addr = e.Host(), e.Addr()
	}
	c.answer(StageConnect, s.dispatch(s.plan.live[StageConnect], StageConnect, e))
	return nil
}

func (c *connection) handleHelo(data []byte) error {
	s := c.session
	var m wire.Helo
	if err := m.Decode(data); err != nil {
		return err
	}
	s.endMessage()
	s.smtp.reach(stateGreeted)
	e := &s.event.helo
	e.name = m.Name
	if s.plan.keeps.helo {
		s.smtp.helo = e.Name()
	}
	c.answer(StageHelo, s.dispatch(s.plan.live[StageHelo], StageHelo, e))
	return nil
}

// enter moves the message to a stage.
func (c *connection) enter(stage Stage) error {
	s := c.session
	if err := s.enter(stage); err != nil {
		return err
	}
	if s.nego.Version < versionOfData && s.message.phase < StageData && stage > StageData {
		// The MTA does not report DATA, and waits for no answer to it.
		c.deferVerdict(StageData, s.dispatch(s.plan.live[StageData], StageData, &s.event.data), false)
	}
	s.message.phase = stage
	return nil
}

// handlePlain handles a stage whose command carries no data.
func (c *connection) handlePlain(stage Stage, e Event) error {
	if err := c.enter(stage); err != nil {
		return err
	}
	c.answer(stage, c.session.dispatch(c.session.plan.live[stage], stage, e))
	return nil
}

func (c *connection) handleMail(data []byte) error {
	s := c.session
	e := &s.event.mail
	if err := e.msg.Decode(data); err != nil {
		return err
	}
	if err := c.enter(StageMail); err != nil {
		return err
	}
	var out outcome
	if s.content.keepsEnvelope() && !s.deferred.is() {
		if hit := s.content.keepSender(e.Sender()); hit != nil {
			out = s.exceed(StageMail, hit)
		}
	}
	if !out.verdict.ends() {
		out = s.dispatch(s.plan.live[StageMail], StageMail, e)
	}
	c.answer(StageMail, out)
	return nil
}

func (c *connection) handleRcpt(data []byte) error {
	s := c.session
	e := &s.event.rcpt
	if err := e.msg.Decode(data); err != nil {
		return err
	}
	if err := c.enter(StageRcpt); err != nil {
		return err
	}
	s.macros.beginRcpt()
	if s.nego.Protocol.Has(wire.ProtoRcptRej) && s.macros.rcptRejected() {
		s.event.rejected.Rcpt = *e
		out := s.dispatch(s.plan.rejected, StageRcpt, &s.event.rejected)
		if out.verdict.Refuses() && !out.failed && !s.nego.silent[StageRcpt] {
			out = outcome{} // the MTA has refused the recipient already
		}
		c.answer(StageRcpt, out)
		return nil
	}
	out := s.dispatch(s.plan.live[StageRcpt], StageRcpt, e)
	accepted := !out.verdict.ends() && !s.deferred.is()
	if accepted && s.content.keepsEnvelope() {
		if hit := s.content.keepRecipient(e.Recipient()); hit != nil {
			out = s.exceed(StageRcpt, hit)
			accepted = !out.verdict.ends()
		}
	}
	if accepted {
		s.message.result.Recipients++
	}
	c.answer(StageRcpt, out)
	return nil
}

func (c *connection) handleHeader(data []byte) error {
	s := c.session
	e := &s.event.header
	if err := e.msg.Decode(data); err != nil {
		return err
	}
	if err := c.enter(StageHeader); err != nil {
		return err
	}
	e.reset(0)
	var out outcome
	if !s.deferred.is() {
		var hit *limitHit
		if e.id, hit = s.content.keepField(&e.msg); hit != nil {
			out = s.exceed(StageHeader, hit)
		}
	}
	if !out.verdict.ends() {
		out = s.dispatch(s.plan.live[StageHeader], StageHeader, e)
	}
	c.answer(StageHeader, out)
	return nil
}

func (c *connection) handleBody(data []byte) error {
	if err := c.enter(StageBody); err != nil {
		return err
	}
	c.answer(StageBody, c.bodyChunk(data))
	return nil
}

// bodyChunk passes a chunk to the lanes that look at the body as it arrives, and keeps it
// for the lanes that look at the body later.
func (c *connection) bodyChunk(chunk []byte) (out outcome) {
	s := c.session
	if s.content.keepsBody() && !s.deferred.is() {
		hit, err := s.content.keepChunk(chunk)
		if hit != nil {
			out = s.exceed(StageBody, hit)
		}
		s.warnClosing(err)
	}
	s.message.result.Size += int64(len(chunk))
	if !out.verdict.ends() {
		s.event.body.chunk = chunk
		out = s.dispatch(s.plan.live[StageBody], StageBody, &s.event.body)
		s.event.body.chunk = nil
	}
	c.conn.Reclaim(chunk)
	return out
}

// handleEndOfBody handles the end of the message. The MTA may send the last chunk of
// the body in the same command.
func (c *connection) handleEndOfBody(chunk []byte) error {
	s := c.session
	if len(chunk) > 0 && !s.nego.withheld[StageBody] {
		if err := c.enter(StageBody); err != nil {
			return err
		}
		if out := c.bodyChunk(chunk); out.verdict.ends() {
			c.answer(StageEndOfMessage, out)
			return nil
		}
	}
	if c.conn.Detached() {
		return nil
	}
	if err := c.enter(StageEndOfMessage); err != nil {
		return err
	}
	out, err := s.endOfMessage()
	if err == nil {
		c.answer(StageEndOfMessage, out)
	}
	return err
}

func (c *connection) handleUnknown(data []byte) error {
	s := c.session
	var m wire.Unknown
	if err := m.Decode(data); err != nil {
		return err
	}
	s.smtp.reach(stateOpen)
	e := &s.event.unknown
	e.line = m.Line
	c.answer(StageUnknown, s.dispatch(s.plan.live[StageUnknown], StageUnknown, e))
	return nil
}

// handleQuitNC ends the SMTP session and keeps the connection open for another
// one.
func (c *connection) handleQuitNC() error {
	s := c.session
	s.endSession()
	s.log.renew()
	if s.shared.transport.Drain.Begun() {
		return transport.ErrDrained
	}
	return nil
}
