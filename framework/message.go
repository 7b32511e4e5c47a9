package framework

import (
	"io"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// advance brings the message to a stage: it begins one where none is under
// way, and where the MTA began a new one without a word about the last. Out of
// order is a protocol violation, as far as it can be told: an MTA that
// withholds MAIL does not say where a message begins.
func (s *Session) advance(stage Stage) error {
	s.open, s.greeted = true, true
	switch {
	case !s.inMessage && stage != StageMail && !s.nego.withheld[StageMail]:
		return &wire.ProtocolError{Message: stage.String(), Reason: "no MAIL came before it"}
	case s.inMessage && s.resumes(stage):
		s.resume()
	case s.inMessage && (stage == StageMail || stage < s.phase || stage == s.phase && stage.once()):
		if stage != StageMail && !s.nego.withheld[StageMail] {
			return &wire.ProtocolError{Message: stage.String(), Reason: "it came after " + s.phase.String()}
		}
		s.end()
	}
	if !s.inMessage {
		s.begin()
	}
	if s.nego.Version < versionOfData && s.phase < StageData && stage > StageData {
		s.makeUpData()
	}
	s.phase = stage
	return nil
}

// resumes reports whether the stage goes on with a message at whose DATA somebody
// said no: this filter, another one, or the MTA. Nobody tells of that. The client
// may say DATA again, or name more recipients before. Where neither MAIL nor its
// macros come it may be the next message too, and is held for that: nothing of
// one message may be left in another.
func (s *Session) resumes(stage Stage) bool {
	return s.phase == StageData && (stage == StageRcpt || stage == StageData) &&
		(s.announced || !s.nego.withheld[StageMail])
}

// resume takes back what was the end for those who refused DATA.
func (s *Session) resume() {
	s.ending.Verdict, s.ending.Stage, s.ending.Filter, s.ending.Aborted = Continue, StageConnect, "", true
	for i := range s.lanes {
		s.lanes[i].told = s.lanes[i].over
	}
}

// versionOfData is the protocol version from which on MTAs tell of DATA.
const versionOfData = 4

// makeUpData shows the lanes a DATA that the MTA does not tell of, before the
// first thing that comes after it. What they decide is said there.
func (s *Session) makeUpData() {
	if v := s.ask(s.plan.live[StageData], StageData, &s.event.data); v.ends() && !s.pending.ends() {
		s.keep(StageData, v)
	}
}

func (s *Session) begin() {
	s.inMessage = true
	s.message++
	s.ending = MessageResult{Aborted: true, Number: s.message, lanes: s.lanes}
	if s.pending.ends() {
		s.ending.Filter = s.pendingOf
	}
	if s.plan.timed {
		s.began = time.Now()
	}
	s.link.counters.messagesTotal.Add(1)
	s.link.counters.messagesOpen.Add(1)
	s.resetCells(true) // a handler may have used them at Connect, or at Helo
	for i := range s.lanes {
		s.lanes[i].begin()
	}
}

// end ends the message under way, if there is one. The lanes that do not know
// yet are told. Nothing of the message is left afterwards. One that was given up
// before anything was shown of it has left its macros.
func (s *Session) end() {
	if !s.inMessage {
		s.forgetMacros()
		return
	}
	for i := range s.plan.live[StageAbort] {
		sl := &s.plan.live[StageAbort][i]
		if lane := &s.lanes[sl.lane]; !lane.told {
			lane.told = true
			s.run(lane, sl.routes, &s.event.abort)
		}
	}
	s.clear()
}

func (s *Session) clear() {
	// What the filter does below must not keep the MTA waiting; and a body that
	// is the filter's own is sent from where it is, while it is there.
	_ = s.link.flush()
	s.tellEnd()
	s.ending = MessageResult{}
	s.link.counters.messagesOpen.Add(-1)
	s.note.reset()
	s.inMessage, s.phase = false, StageConnect
	s.context.over(true, ErrMessageOver)
	if !s.forAll {
		s.pending = Continue
	}
	for i := range s.lanes {
		s.lanes[i].drop()
		s.lanes[i].over = s.lanes[i].left
	}
	s.forgetMacros()
	s.resetCells(true)
	s.edits.reset()
	s.closeAll()
	s.link.roomy = true
}

// forgetMacros empties the lists that are of the message.
func (s *Session) forgetMacros() {
	s.announced, s.fresh, s.repeats = false, false, false
	for list := range s.macros {
		if l := wire.MacroStage(list); l != wire.MacroConnect && l != wire.MacroHelo {
			s.macros[list] = emptied(s.macros[list])
		}
	}
}

// emptied returns the list of macros without what is in it. One of unusual size
// is not kept for an idle connection.
func emptied(list []byte) []byte {
	const usual = 2 << 10
	if cap(list) > usual {
		return nil
	}
	return list[:0]
}

// closeAll closes the readers that were given for new bodies, and lets go of
// all that was kept of the message.
func (s *Session) closeAll() {
	for _, c := range s.closers {
		s.warnClosing(closeReader(c))
	}
	s.closers = nil
	s.unkeep()
}

func (s *Session) warnClosing(err error) {
	if err != nil {
		s.Logger().Warn("closing a body", "error", err)
	}
}

// closeReader closes what a filter gave; the code behind it is the filter's.
func closeReader(c io.Closer) (err error) {
	defer contain(&err)
	return c.Close()
}

// finish ends the SMTP session: the message that is under way, then the
// session. All state starts anew, for an MTA may go on with another session.
func (s *Session) finish() {
	s.end()
	if s.open {
		s.open = false
		for i := range s.plan.live[StageClose] {
			sl := &s.plan.live[StageClose][i]
			s.run(&s.lanes[sl.lane], sl.routes, &s.event.close)
		}
	}
	s.context.over(false, ErrSessionOver)
	s.sessionNote.reset()
	s.pending, s.forAll, s.greeted = Continue, false, false
	s.client = keptClient{}
	s.resetCells(true)
	s.resetCells(false)
	for i := range s.macros {
		s.macros[i] = emptied(s.macros[i])
	}
	for i := range s.lanes {
		s.lanes[i].left, s.lanes[i].over = false, false
	}
}
