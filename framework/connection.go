package framework

import (
	"errors"
	"io"
	"log/slog"
	"runtime/debug"

	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/framework/internal/watchdog"
	"github.com/sluicemail/sluice/wire"
)

// connection serves one MTA: it turns frames into commands, and commands into events of a
// session, in the order that the protocol requires. It sends what the filters decide.
type connection struct {
	conn       *transport.Conn
	vacate     func() // takes the connection out of those that are counted
	session    *Session
	disordered bool // the MTA sent events of a message out of order
}

// Reasons why a connection ends.
var (
	errQuit   = errors.New("framework: the MTA is done")
	errGoexit = errors.New("framework: a filter ended its goroutine")
)

// newConnection returns a connection that serves the MTA at the other end of conn. peer
// is the MTA's name in logs.
func newConnection(plan *Plan, shared *shared, conn *transport.Conn, peer string) *connection {
	s := &Session{
		plan: plan, shared: shared, conn: conn, log: sessionLog{peer: peer},
		slots: slotValues{specs: plan.slots}, content: newContent(plan.keeps, shared),
	}
	s.event.header.session = s
	s.lanes.all = make([]laneState, len(plan.lanes))
	for i := range plan.lanes {
		s.lanes.all[i].plan = &plan.lanes[i]
	}
	s.recording = newRecording(s)
	if s.recording != nil {
		conn.OnWait(s.recording.tape.Waits)
		s.context.notes = s.recording.tape.Notes()
	}
	s.watch.watchdog = watchdog.New(watched{s}, shared.cfg.intervals(plan.shortestLimit()))
	return &connection{conn: conn, session: s}
}

// serve serves the MTA until the connection ends. If a filter's code ends its goroutine,
// or if a panic is not recovered earlier, only this connection ends.
func (c *connection) serve() {
	returned := false
	defer func() {
		v := recover()
		if returned {
			return
		}
		if v == nil { // runtime.Goexit, which recover does not report
			v = errGoexit
		}
		c.abort(&PanicError{Value: v, Stack: debug.Stack()})
	}()
	c.converse()
	returned = true
}

func (c *connection) converse() {
	if err := c.handshake(); err != nil {
		c.logEnd(err)
		return
	}
	c.logEnd(c.loop())
	c.hangUp()
	c.session.endSession()
}

// hangUp closes the connection, unless a fallback has taken it over. Handlers of Abort and
// Close may still run. The connection does not count meanwhile.
func (c *connection) hangUp() {
	c.conn.HangUp()
	if !c.conn.Detached() {
		c.vacate()
	}
}

// abort ends the connection after a panic that was not recovered, or after a filter ended
// its goroutine. It does not call the handlers of Abort and Close. Slots may hold what must be
// released, so it resets them, last: a ResetSlot may end the goroutine, too.
func (c *connection) abort(err error) {
	s := c.session
	s.watch.watchdog.Stop()
	c.logEnd(err)
	c.hangUp()
	if lane := s.lanes.running; lane != nil {
		lane.record.fail(s.watch.stage)
		s.recording.failed(lane, s.watch.stage, err)
	}
	s.recording.endMessage(s)
	s.recording.endSession(s)
	if s.inMessage() {
		s.shared.counters.messagesOpen.Add(-1)
	}
	s.context.end(true, ErrMessageOver)
	s.context.end(false, ErrSessionOver)
	s.release()
	s.memory.Release()
	s.resetSlots(true)
	s.resetSlots(false)
}

// close closes the connection. If a fallback has taken the connection over,
// close waits until the fallback has closed it.
func (c *connection) close() {
	s := c.session
	if s.watch.stop() {
		s.shared.counters.abandoned.Add(-1)
		journal{s}.ofServer().Info("abandoned handler returned", append(s.watch.hung, "peer", s.log.peer)...)
	}
	_ = c.conn.Close()
}

// handshake answers the MTA's offer.
func (c *connection) handshake() error {
	f, err := c.conn.First(c.session.shared.cfg.NegotiateTimeout)
	if err != nil {
		return err
	}
	if wire.CommandCode(f.Code) != wire.CmdOptNeg {
		return &wire.ProtocolError{Message: wire.CommandCode(f.Code).String(), Reason: "it came before the negotiation"}
	}
	c.session.recording.commands(c.conn, f)
	return c.negotiate(f.Data)
}

// negotiate answers an offer. An MTA that offers a second time begins anew.
func (c *connection) negotiate(data []byte) error {
	s := c.session
	var offer wire.Negotiate
	if err := offer.DecodeOffer(data); err != nil {
		return err
	}
	s.nego = s.plan.negotiate(&offer, s.shared.cfg.MaxPacket, s.shared.recordLimits.stages())
	s.leaveOutLacking()
	c.conn.SetLimit(s.nego.limit)
	s.content.book.LeadSpace, s.content.book.CRLF = s.nego.leadSpace, s.nego.stalwart
	reply, err := s.nego.Encode(c.conn.AvailableBuffer())
	s.recording.replies(reply)
	s.recording.onlyRecorded(s.nego.recorded)
	c.conn.Append(reply)
	return err
}

// loop handles the MTA's commands, and returns the reason why the connection
// ends.
func (c *connection) loop() error {
	for !c.conn.Detached() {
		f, err := c.conn.Next(!c.session.inMessage())
		if err != nil {
			return err
		}
		c.session.recording.commands(c.conn, f)
		if err := c.command(f); err != nil {
			return err
		}
		c.session.recording.write()
	}
	return errDetached
}

// answer sends the filters' verdict at a stage if the MTA waits for it, and otherwise
// defers it. It ends the message if the verdict is final.
func (c *connection) answer(stage Stage, out outcome) {
	s := c.session
	if c.conn.Detached() {
		return
	}
	v, filter, waits := out.verdict, out.filter, !s.nego.silent[stage]
	c.deferVerdict(stage, out, waits)
	if !waits {
		return
	}
	switch {
	case s.deferred.is():
		v, filter = s.deferred.verdict, s.deferred.filter
	case v != Continue:
	case stage != StageUnknown && s.lanes.allAccepted(stage):
		v = Accept
	case stage == StageBody && s.nego.skip && !s.content.keepsBody() && s.lanes.skipBody(s.plan.live[StageBody]):
		v = SkipBody
	}
	c.send(v)
	journal{s}.received(stage, v, filter)
	c.settle(stage, v, filter)
}

// settle ends the message if the verdict is final. It keeps a final verdict to answer what
// the MTA may still send.
func (c *connection) settle(stage Stage, v Verdict, filter string) {
	s := c.session
	if !v.endsMessage(stage) {
		if v != Continue && stage < StageMail {
			s.settled = settled{verdict: v, filter: filter, stage: stage, perSession: true}
		}
		return
	}
	s.message.result.decided(stage, v, filter)
	if stage == StageData && v.Refuses() { // the client may repeat DATA: see resumes
		if !s.deferred.is() {
			s.settled = settled{verdict: v, filter: filter, stage: stage}
		}
		return
	}
	marked := s.macros.mailCame || !s.nego.withheld[StageMail] // else the next event may begin a message
	s.endMessage()
	if marked && stage != StageEndOfMessage && !s.settled.is() {
		s.settled = settled{verdict: v, filter: filter, stage: stage}
	}
}

// send sends a verdict.
func (c *connection) send(v Verdict) {
	if v.kind == kindReply {
		reply := v.encode(c.conn.AvailableBuffer())
		c.session.recording.replies(reply)
		c.conn.Append(reply)
	} else {
		c.session.recording.reply(v.replyCode())
		c.conn.AppendCode(v.replyCode())
	}
	c.session.watch.answered()
}

// repeatVerdict answers an event that came after the last verdict about its message or its
// session.
func (c *connection) repeatVerdict(stage Stage) {
	s := c.session
	t := &s.settled
	if !t.logged {
		t.logged = true
		s.Logger().Debug("MTA goes on after a final verdict; repeating it",
			"verdict", t.verdict.Kind(), "stage", t.stage.String(), "next", stage.String())
	}
	if !s.nego.silent[stage] {
		c.send(t.verdict)
	}
}

// deferVerdict defers a verdict that the MTA does not wait for. It also defers the policy
// verdict after a failure, so that the verdict holds for the rest of the message, or of the
// session if the failure was at Connect or Helo. A failure at an unknown command outside of
// a message belongs to neither and is not deferred.
func (c *connection) deferVerdict(stage Stage, out outcome, waits bool) {
	s := c.session
	if out.failed && (stage != StageUnknown || s.inMessage()) || out.verdict.ends() && !waits {
		s.deferred.set(stage, out.verdict, out.filter)
	}
}

// logEnd logs and counts how the connection ended. Port probes, health checks and other
// protocols are not worth an operator's attention. An MTA that broke the protocol is, and so
// is TLS or a PROXY header: an MTA or a balancer may be configured for another listener.
func (c *connection) logEnd(err error) {
	s := c.session
	base := s.shared.cfg.Logger.Handler()
	next, level, msg := s.log.plain(s.shared.cfg.Logger).Handler(), slog.LevelDebug, "MTA connection ended"
	attrs := []any{"reason", err}
	if errors.Is(err, transport.ErrNotMilter) {
		msg = "connection is not from an MTA"
		if errors.Is(err, transport.ErrTLS) || errors.Is(err, transport.ErrProxyHeader) {
			level = slog.LevelWarn
		}
	} else if stack, ok := stackOf(err); ok {
		next, level, msg = s.Logger().Handler(), slog.LevelError, "session failed" // what was annotated may tell why
		attrs = append(attrs, "stack", stack)
	} else if _, ok := errors.AsType[*wire.ProtocolError](err); ok || errors.Is(err, wire.ErrNotImplemented) {
		level, msg = slog.LevelWarn, "MTA connection broke the protocol"
		if !c.disordered { // else the connection is counted already
			s.shared.counters.protocolErrors.Add(1)
		}
	} else if errors.Is(err, io.EOF) {
		attrs[1] = ErrPeerGone
	}
	journal{s}.bound("", next, base).Log(s.shared.base, level, msg, attrs...)
}
