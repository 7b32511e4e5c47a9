package framework

import (
	"net"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// caretaker answers an MTA in the place of a handler that hangs: the lane's
// policy verdict, at the command that hangs or the next one that is answered.
// It then closes the connection, since what the handler left behind cannot be
// known.
type caretaker struct {
	conn    net.Conn
	dec     *wire.Decoder
	cfg     *Config
	nego    negotiated
	verdict Verdict
}

// abandon takes the connection from the session and gives it to a caretaker.
// The session's goroutine is in the handler, and is told when it comes back.
func (l *link) abandon() {
	s := l.session
	s.failedHanging(l.lane, l.stage)
	l.counters.handlerErrors.Add(1)
	pool := new(wire.BufferPool)
	c := &caretaker{
		conn: &rereadConn{Conn: l.conn, first: l.dec.Rest()}, dec: wire.NewDecoder(pool, s.nego.limit),
		cfg: l.cfg, nego: s.nego, verdict: s.lastWord(l.lane),
	}
	l.instead = instead{l.stage, l.lane.plan.name, c.verdict}
	due, released := l.due, make(chan struct{})
	l.released = released
	go func() {
		defer close(released)
		c.serve(due)
	}()
}

// lastWord returns the verdict on a message whose handler hangs. It is called
// while that handler runs, and must not look at what it may write. The other
// lanes cannot be asked any more: if one of them has something to say yet, and
// must not be left out, the message is refused even where this lane may be.
func (s *Session) lastWord(hanging *laneState) Verdict {
	if s.pending.ends() {
		return s.pending
	}
	for i := range s.lanes {
		lane := &s.lanes[i]
		dispensable := lane.plan.policy.failOpen || lane.plan.policy.dryRun || lane == hanging && s.link.trial.Load()
		if !dispensable && (lane == hanging || !lane.over || len(lane.edits) > 0) {
			return hanging.plan.policy.failure
		}
	}
	return Accept
}

// rereadConn reads first what another decoder had read already.
type rereadConn struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (c *rereadConn) Read(p []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	c.first = c.first[n:]
	return n, nil
}

func (c *caretaker) serve(due Stage) {
	defer func() { _ = c.conn.Close() }()
	_ = c.conn.SetDeadline(time.Now().Add(c.cfg.MessageTimeout))
	for stage, ok := due, true; ok; stage, ok = c.await() {
		if !c.nego.silent[stage] && !c.say(stage) {
			return
		}
	}
}

// say answers an MTA that waits, and reports whether there is more to be said
// about this message.
func (c *caretaker) say(stage Stage) bool {
	v := c.verdict
	if stage == StageUnknown && !v.Refuses() {
		v = Continue
	}
	_, err := c.conn.Write(v.encode(nil))
	return err == nil && (stage == StageUnknown || stage == StageRcpt && v.Refuses())
}

// await returns the stage of the next command. The end of the message, or of
// the session, is the end of the care.
func (c *caretaker) await() (Stage, bool) {
	for {
		f, ok, err := c.dec.Next()
		if err != nil {
			return 0, false
		}
		if !ok {
			if _, err := c.dec.Fill(c.conn); err != nil {
				return 0, false
			}
			continue
		}
		if stage, ok := stageOf(wire.CommandCode(f.Code)); ok {
			return stage, stage != StageAbort && stage != StageClose
		}
	}
}

// stageOf returns the stage that a command is the event of.
func stageOf(c wire.CommandCode) (Stage, bool) {
	switch c {
	case wire.CmdConnect:
		return StageConnect, true
	case wire.CmdHelo:
		return StageHelo, true
	case wire.CmdMail:
		return StageMail, true
	case wire.CmdRcpt:
		return StageRcpt, true
	case wire.CmdData:
		return StageData, true
	case wire.CmdHeader:
		return StageHeader, true
	case wire.CmdEOH:
		return StageEndOfHeaders, true
	case wire.CmdBody:
		return StageBody, true
	case wire.CmdBodyEOB:
		return StageEndOfMessage, true
	case wire.CmdUnknown:
		return StageUnknown, true
	case wire.CmdAbort:
		return StageAbort, true
	case wire.CmdQuit, wire.CmdQuitNC:
		return StageClose, true
	case wire.CmdMacro, wire.CmdOptNeg:
	}
	return 0, false
}
