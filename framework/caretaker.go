package framework

import (
	"net"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// caretaker answers an MTA in the place of a handler that hangs: the lane's
// policy verdict, at the stage that hangs or the next one that answers. It then
// closes the connection, since what the handler left behind cannot be known.
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
	s, lane := l.session, l.lane
	s.failedHanging(lane, l.stage)
	pool := new(wire.BufferPool)
	c := &caretaker{
		conn: &rereadConn{Conn: l.conn, first: l.dec.Rest()}, dec: wire.NewDecoder(pool, frameLimit),
		cfg: l.cfg, nego: s.nego, verdict: lane.plan.policy.failure,
	}
	pending := l.stage
	go c.serve(pending)
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

func (c *caretaker) serve(pending Stage) {
	defer func() { _ = c.conn.Close() }()
	_ = c.conn.SetDeadline(time.Now().Add(c.cfg.MessageTimeout))
	for stage := pending; ; {
		if !c.nego.silent[stage] {
			if !c.say(stage) || stage != StageRcpt {
				return
			}
		}
		next, ok := c.await()
		if !ok {
			return
		}
		stage = next
	}
}

func (c *caretaker) say(stage Stage) bool {
	if stage == StageAbort {
		return false
	}
	_, err := c.conn.Write(c.verdict.encode(nil))
	return err == nil
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
