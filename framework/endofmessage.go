package framework

import (
	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/wire"
)

// onEndOfBody ends a message: each lane in turn sees the message as those
// before it left it, decides, and has its modifications entered. If the message
// survives, what is to be modified goes to the MTA before the verdict.
func (s *Session) onEndOfBody(chunk []byte) error {
	if len(chunk) > 0 && !s.nego.withheld[StageBody] {
		if err := s.advance(StageBody); err != nil {
			return err
		}
		if v := s.showBody(chunk); v.ends() {
			s.answer(StageEndOfMessage, v)
			return nil
		}
	}
	if s.link.abandoned {
		return nil
	}
	if err := s.advance(StageEndOfMessage); err != nil {
		return err
	}
	v := s.endOfMessage()
	if s.link.abandoned {
		return nil
	}
	if !v.ends() && !s.pending.ends() {
		if err := s.modify(); err != nil {
			return err
		}
	}
	s.ending.said(StageEndOfMessage, v)
	s.answer(StageEndOfMessage, v)
	s.end()
	return nil
}

func (s *Session) endOfMessage() Verdict {
	for i := range s.lanes {
		if s.pending.ends() || s.link.abandoned {
			return Continue
		}
		lane := &s.lanes[i]
		if v := s.endLane(lane); v.ends() {
			return v
		}
		if s.link.abandoned {
			return Continue
		}
		if err := s.commit(lane); err != nil {
			if s.link.abandoned {
				return Continue
			}
			if v := s.settle(lane, StageEndOfMessage, s.uncommitted(lane, err)); v.ends() {
				return v
			}
		}
		lane.drop()
	}
	return Continue
}

// endLane shows a lane the end of the message, and before it the content that
// it was not shown yet.
func (s *Session) endLane(lane *laneState) Verdict {
	if lane.plan.deferred && !lane.over {
		if v := s.replay(lane); v.ends() || s.link.abandoned {
			return v
		}
	}
	if lane.over {
		return Continue
	}
	lane.told = true
	routes := lane.plan.routes[StageEndOfMessage]
	if len(routes) == 0 {
		return Continue
	}
	return s.show(lane, routes, &s.event.eom)
}

// modify writes all modifications: envelope, header, body, quarantine. The
// chunks of a body follow each other without anything between them, as Postfix
// demands.
func (s *Session) modify() error {
	if s.edits.clean() && s.book.Clean() {
		return nil
	}
	out, err := s.edits.encodeEnvelope(s.link.out)
	if err == nil {
		out, err = s.book.Script(out, s.kindOfMTA())
	}
	if err == nil && s.edits.quarantine != "" {
		m := wire.Quarantine{Reason: s.edits.quarantine}
		out, err = m.Encode(out)
	}
	if err != nil {
		s.Logger().Error("modifications not sent", "error", err, "queue", s.QueueID(), "message", s.message)
		s.keep(StageEndOfMessage, defaultPolicy().failure)
		return nil
	}
	s.link.out = out
	if s.edits.body.replaced {
		return s.modifyBody()
	}
	return nil
}

// kindOfMTA tells how the MTA counts header fields. Postfix has said that it is
// Postfix; the others learned from Sendmail.
func (s *Session) kindOfMTA() ledger.MTA {
	if s.fromPostfix() {
		return ledger.Postfix
	}
	return ledger.Sendmail
}

// modifyBody writes the new body. Bytes go out from where they are, in one
// write with what was gathered before them.
func (s *Session) modifyBody() error {
	if b := &s.edits.body; !b.kept {
		s.link.gatherBody(b.bytes)
		return nil
	}
	failed, err := s.link.streamBody(s.keptBody())
	if failed != nil {
		s.Logger().Error("new body not kept", "error", failed, "queue", s.QueueID(), "message", s.message)
		s.keep(StageEndOfMessage, defaultPolicy().failure)
	}
	return err
}
