package framework

import (
	"log/slog"
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
		c.session.recording.write()
		c.session.endMessage()
		return nil
	case wire.CmdQuitNC:
		return c.handleQuitNC()
	case wire.CmdQuit:
		return errQuit
	case wire.CmdOptNeg:
		c.session.endSession()
		c.session.log.renew()
		return c.negotiate(f.Data)
	}
	return &wire.ProtocolError{Message: "frame", Reason: "unknown command " + strconv.QuoteRune(rune(f.Code))}
}

// handleMacro stores a list of macros that the MTA sent.
func (c *connection) handleMacro(data []byte) error {
	s := c.session
	if s.macros.repeated(data) {
		s.recording.again()
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
	s.macros.mta.list(stage, m.List, s.nego.connect)
	if stage == StageConnect {
		s.recogniseByName(m.List)
	}
	if stage.ofMessage() && s.settled.answers(stage) {
		s.recording.skip()
		return nil // the filters do not get the event that follows
	}
	return s.macros.keep(stage, list, m.List, s.shared.cfg.MaxMacroBytes)
}

func (c *connection) handleConnect(data []byte) error {
	s := c.session
	e := &s.event.connect
	if err := e.msg.Decode(data); err != nil {
		return err
	}
	if s.smtp.state >= stateGreeted { // another session begins, though nothing ended this one
		connect := s.macros.forConnect()
		s.endSession()
		s.log.renew()
		s.macros.lists[wire.MacroConnect] = connect
	}
	s.macros.connectCame = false
	s.smtp.reach(stateGreeted)
	if s.plan.keeps.client {
		s.smtp.host, s.smtp.addr = e.Host(), e.Addr()
	}
	s.recordLacking()
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
	if s.settled.answers(StageHelo) {
		c.repeatVerdict(StageHelo)
		return nil
	}
	s.settled = settled{}
	if !s.deferred.is() {
		s.lanes.takeBack(StageHelo)
	}
	s.memory.helo.Release()
	e := &s.event.helo
	e.name = m.Name
	if s.plan.keeps.helo {
		s.smtp.helo = e.Name()
	}
	c.answer(StageHelo, s.dispatch(s.plan.live[StageHelo], StageHelo, e))
	return nil
}

// enter moves the message to a stage, and reports whether the filters get the event.
// Otherwise it has answered the event, as one of the stage due.
func (c *connection) enter(stage, due Stage) bool {
	s := c.session
	placed := s.enter(stage)
	if placed == afterVerdict {
		s.recording.skip()
	}
	s.recording.write()
	switch placed {
	case afterVerdict:
		c.repeatVerdict(due)
		return false
	case repeated:
		c.answer(due, outcome{})
		return false
	case outOfOrder:
		c.answer(due, c.outOfOrder(stage))
		return false
	case inOrder:
	}
	if s.nego.Version < versionOfData && s.message.phase < StageData && stage > StageData {
		// The MTA does not report DATA, and waits for no answer to it.
		c.deferVerdict(StageData, s.dispatch(s.plan.live[StageData], StageData, &s.event.data), false)
	}
	s.message.move(stage)
	return true
}

// outOfOrder handles an event out of order, and logs the first of a message. Only the first
// line of a connection is a warning. The warnings of a peer are bounded, because it can open
// any number of connections.
func (c *connection) outOfOrder(stage Stage) outcome {
	s := c.session
	after := "no MAIL"
	if s.message.phase >= StageMail {
		after = s.message.phase.String()
	}
	s.message.move(max(stage, s.message.phase))
	if s.message.disordered {
		return outcome{}
	}
	s.message.disordered = true
	out := s.refuseDisorder(stage)
	result := "filters left out"
	if out.failed {
		result = out.verdict.String()
	}
	level := slog.LevelWarn
	if c.disordered {
		level = slog.LevelDebug
	} else {
		s.shared.counters.protocolErrors.Add(1)
	}
	c.disordered = true
	journal{s}.logger().Log(s.shared.base, level, "MTA sent an event out of order", s.messageAttrs(
		"stage", stage.String(), "after", after, "filter", out.filter, "outcome", result)...)
	return out
}

// handlePlain handles a stage whose command carries no data.
func (c *connection) handlePlain(stage Stage, e Event) error {
	if !c.enter(stage, stage) {
		return nil
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
	if !c.enter(StageMail, StageMail) {
		return nil
	}
	s.macros.beginMail()
	s.message.refusals.from(e.msg.Sender)
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
	s.message.refusals.begin()
	if !c.enter(StageRcpt, StageRcpt) {
		return nil
	}
	s.macros.beginRcpt()
	if rcptRejected(s) {
		s.event.rejected.Rcpt = *e
		out := s.dispatch(s.plan.rejected, StageRcpt, &s.event.rejected)
		if out.verdict.Refuses() && !out.failed && !s.nego.silent[StageRcpt] {
			out = outcome{} // the MTA has refused the recipient already
		}
		c.answer(StageRcpt, out)
		return nil
	}
	s.message.refusals.add(e.msg.Recipient)
	out := s.dispatch(s.plan.live[StageRcpt], StageRcpt, e)
	accepted := !out.verdict.ends() && !s.deferred.is()
	if accepted && s.content.keepsEnvelope() {
		if hit := s.content.keepRecipient(e.Raw()); hit != nil {
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
