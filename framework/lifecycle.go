package framework

import (
	"fmt"
	"time"
)

// placement is how an event relates to what the MTA has sent before.
type placement uint8

const (
	inOrder placement = iota
	// afterVerdict: the MTA has received the last verdict about the message or the session.
	afterVerdict
	// repeated: the event carries nothing, and the filters have seen it in this message.
	repeated
	// outOfOrder: the event carries a part of a message, and the filters did not see what
	// must precede it, or have already decided without it.
	outOfOrder
)

// enter moves the message to a stage, and returns where the event belongs. It begins a
// message if none is open. If the MTA began a new message without ending the last one,
// enter ends the last one. If the MTA sends MAIL, MAIL shows where a message begins, and
// another event cannot begin one.
func (s *Session) enter(stage Stage) placement {
	s.smtp.reach(stateGreeted)
	phase, mailSent := s.message.phase, !s.nego.withheld[StageMail]
	switch {
	case s.inMessage() && s.resumes(stage):
		s.resumeMessage()
	case s.settled.answers(stage):
		return afterVerdict
	case !s.inMessage() && stage != StageMail && mailSent:
		s.beginMessage()
		s.lanes.unseen()
		return outOfOrder
	case !s.inMessage():
	case stage == StageMail || stage <= phase && !mailSent && (stage < phase || stage.once()):
		s.endMessage()
	case stage > phase || stage == phase && !stage.once():
	case !stage.once():
		return outOfOrder
	case s.message.came(stage):
		return repeated
	}
	if !s.inMessage() {
		s.beginMessage()
	}
	return inOrder
}

// resumes reports whether the stage continues a message whose DATA was refused by a
// filter, by another milter or by the MTA. The MTA does not report the last two. The
// client may repeat DATA, or name more recipients first. If the MTA sends neither MAIL
// nor its macros, the stage may also belong to the next message. resumes then returns
// false, so that no state of one message remains in another.
func (s *Session) resumes(stage Stage) bool {
	return s.message.phase == StageData && (stage == StageRcpt || stage == StageData) &&
		(s.macros.mailCame || !s.nego.withheld[StageMail])
}

// resumeMessage takes back that the message ended, for the lanes that refused its DATA. If
// a verdict is deferred, they remain notified, because it still refuses the message.
func (s *Session) resumeMessage() {
	s.settled.endMessage()
	r := &s.message.result
	r.Verdict, r.Stage, r.Filter, r.Aborted = Continue, StageConnect, "", true
	if s.deferred.is() {
		return
	}
	s.lanes.takeBack(StageData)
	for i := range s.lanes.all {
		s.lanes.all[i].notified = s.lanes.all[i].done
	}
}

func (s *Session) beginMessage() {
	s.smtp.reach(stateMessage)
	s.settled.endMessage()
	m := &s.message
	m.number++
	m.result = MessageResult{
		Aborted: true, Number: m.number,
		counts: &m.edits.counts, lanes: s.lanes.all, withheld: &s.nego.withheld, session: s,
	}
	if s.plan.timed {
		m.began = time.Now()
	}
	s.shared.counters.messagesTotal.Add(1)
	s.shared.counters.messagesOpen.Add(1)
	s.resetSlots(true) // a handler may have used them at Connect or at Helo
	s.lanes.beginMessage()
}

// endMessage ends the open message, if there is one. It calls the Abort handlers of the
// lanes that do not know of the end yet, and drops the state of the message. If no
// message is open, it only drops macros: the MTA may have sent those of a message that
// was given up before its first event.
func (s *Session) endMessage() {
	s.settled.endMessage()
	if !s.inMessage() {
		s.macros.endMessage()
		return
	}
	for _, at := range s.plan.live[StageAbort] {
		if lane := &s.lanes.all[at.lane]; !lane.notified {
			lane.notified = true
			s.run(lane, at.routes, &s.event.abort)
		}
	}
	// Flush first, because the code of filters that runs below must not make the MTA
	// wait. A new body must also be sent from the filter's memory before the filter may
	// change it.
	_ = s.conn.Flush()
	if s.deferred.is() { // the MTA may have given up the message before it received the verdict
		s.message.result.Filter = s.deferred.filter
	}
	s.message.result.substituted(s.watch.substitute)
	s.message.result.reached = s.message.phase
	for _, hook := range s.plan.endHooks {
		s.callEndHook(hook)
	}
	journal{s}.refusals()
	journal{s}.further()
	s.recording.endMessage(s)
	s.shared.counters.messagesOpen.Add(-1)
	s.smtp.state = stateGreeted
	s.context.end(true, ErrMessageOver)
	s.macros.endMessage()
	s.resetSlots(true)
	s.release()
	s.log.message.reset()
	s.deferred.endMessage()
	s.lanes.endMessage()
	s.conn.ReleaseMemory()
}

// callEndHook calls a function that a middleware passed to AfterMessage. A panic is
// logged, and no policy applies.
func (s *Session) callEndHook(hook func(*Session, *MessageResult)) {
	err := callCode(s, "AfterMessage", func() error {
		hook(s, &s.message.result)
		return nil
	})
	if err != nil {
		stack, _ := stackOf(err)
		journal{s}.logger().Error("AfterMessage function panicked", s.messageAttrs("error", err, "stack", stack)...)
	}
}

// release releases what is kept of the message, and closes the readers of new bodies.
func (s *Session) release() {
	for _, c := range s.message.closers {
		s.warnClosing(callCode(s, "Close of the reader of a body", c.Close))
	}
	s.warnClosing(s.content.reset())
	s.message.reset()
}

// endSession ends the open message, if there is one, and then the SMTP session. The MTA
// may then begin another session.
func (s *Session) endSession() {
	s.endMessage()
	if s.smtp.state >= stateOpen {
		for _, at := range s.plan.live[StageClose] {
			if lane := &s.lanes.all[at.lane]; !lane.absent {
				s.run(lane, at.routes, &s.event.close)
			}
		}
	}
	s.recording.endSession(s)
	s.context.end(false, ErrSessionOver)
	journal{s}.repeatedRefusals()
	journal{s}.further()
	s.smtp.reset()
	s.settled = settled{}
	s.log.session.reset()
	s.resetSlots(true)
	s.resetSlots(false)
	s.memory.Release()
	s.macros.endSession()
	s.beginSession()
}

// resetSlots resets the slots that hold state of a message, or those that hold
// state of the session.
func (s *Session) resetSlots(perMessage bool) {
	if s.slots.values == nil {
		return
	}
	s.watch.beginCode("ResetSlot", s.conn.Detached())
	defer s.endCall()
	s.slots.reset(perMessage, func(state slotValue, err error) {
		s.shared.counters.failed(true)
		stack, _ := stackOf(err)
		journal{s}.logger().Error("ResetSlot panicked", "state", fmt.Sprintf("%T", state), "error", err, "stack", stack)
	})
}
