package framework

import (
	"errors"

	"github.com/sluicemail/sluice/wire"
)

// advance brings the message to a stage: it begins one where none is under
// way, and where the MTA began a new one without a word about the last. Out of
// order is a protocol violation, as far as it can be told: an MTA that
// withholds MAIL does not say where a message begins.
func (s *Session) advance(stage Stage) error {
	s.open = true
	switch {
	case !s.inMessage && stage != StageMail && !s.nego.withheld[StageMail]:
		return &wire.ProtocolError{Message: stage.String(), Reason: "no MAIL came before it"}
	case s.inMessage && (stage == StageMail || stage < s.phase):
		if stage != StageMail && !s.nego.withheld[StageMail] {
			return &wire.ProtocolError{Message: stage.String(), Reason: "it came after " + s.phase.String()}
		}
		s.end()
	}
	if !s.inMessage {
		s.begin()
	}
	s.phase = stage
	return nil
}

func (s *Session) begin() {
	s.inMessage = true
	s.message++
	s.context.over(ErrMessageOver)
	for i := range s.lanes {
		s.lanes[i].begin()
	}
}

// end ends the message under way, if there is one. The lanes that do not know
// yet are told. Nothing of the message is left afterwards.
func (s *Session) end() {
	if !s.inMessage {
		return
	}
	for i := range s.plan.live[StageAbort] {
		sl := &s.plan.live[StageAbort][i]
		if lane := &s.lanes[sl.lane]; !lane.told && !s.link.abandoned {
			lane.told = true
			s.run(lane, sl.routes, &s.event.abort)
		}
	}
	if s.link.abandoned {
		return // the handler that hangs still has it
	}
	s.clear()
}

func (s *Session) clear() {
	s.inMessage, s.phase = false, StageConnect
	s.context.over(ErrMessageOver)
	if !s.forAll {
		s.pending = Continue
	}
	for i := range s.lanes {
		s.lanes[i].drop()
		s.lanes[i].over = s.lanes[i].left
	}
	for list := range s.macros {
		if l := wire.MacroStage(list); l != wire.MacroConnect && l != wire.MacroHelo {
			s.macros[list] = s.macros[list][:0]
		}
	}
	s.resetCells(true)
	s.book.Reset()
	s.edits.reset()
	s.envelope = keptEnvelope{rcpts: s.envelope.rcpts[:0]}
	s.closeAll()
	s.link.shrink()
}

// closeAll closes the readers that were given for new bodies, and the kept
// body.
func (s *Session) closeAll() {
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c.Close())
	}
	s.closers = nil
	errs = append(errs, s.body.Reset())
	if err := errors.Join(errs...); err != nil {
		s.Logger().Warn("closing a body", "error", err)
	}
}

// finish ends the SMTP session: the message that is under way, then the
// session. All state starts anew, for an MTA may go on with another session.
func (s *Session) finish() {
	s.end()
	if s.open && !s.link.abandoned {
		s.open = false
		for i := range s.plan.live[StageClose] {
			sl := &s.plan.live[StageClose][i]
			s.run(&s.lanes[sl.lane], sl.routes, &s.event.close)
		}
	}
	s.context.over(ErrMessageOver)
	s.pending, s.forAll = Continue, false
	s.id, s.log = "", nil
	s.resetCells(true)
	s.resetCells(false)
	for i := range s.macros {
		s.macros[i] = s.macros[i][:0]
	}
	for i := range s.lanes {
		s.lanes[i].left, s.lanes[i].over = false, false
	}
}
