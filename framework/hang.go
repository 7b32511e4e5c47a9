package framework

import (
	"slices"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// watched adapts a session to its watchdog. Its methods run concurrently with a handler.
// They must not touch data that the handler may use, such as the session's logger, which
// is created at its first use.
type watched struct{ s *Session }

// Check implements watchdog.Watched.
func (w watched) Check() {
	if w.s.conn.Flush() != nil || w.s.conn.PeerGone() {
		w.s.context.peerGone()
	}
}

// Progress implements watchdog.Watched. Sendmail accepts SMFIR_PROGRESS only at the end
// of the message.
func (w watched) Progress() {
	due := w.s.watch.due
	if w.s.nego.silent[due] || due != StageEndOfMessage && !w.s.macros.mta.postfix() {
		return
	}
	w.s.recording.progress()
	w.s.conn.AppendCode(byte(wire.RepProgress))
	if w.s.conn.Flush() != nil {
		w.s.context.peerGone()
	}
}

// Limit implements watchdog.Watched. The server's limit depends on the event whose answer
// the MTA waits for. At the end of the message, MessageTimeout therefore also applies to
// content that is replayed.
func (w watched) Limit(began time.Time) time.Duration {
	s := w.s
	limit := s.shared.cfg.HandlerTimeout
	if s.watch.due == StageEndOfMessage {
		limit = s.shared.cfg.MessageTimeout
	}
	if s.watch.lane == nil {
		return limit
	}
	own := &s.watch.lane.plan.limits
	shorten(&limit, own.stage[s.watch.stage])
	if own.message > 0 {
		limit = min(limit, max(0, own.message-began.Sub(s.message.began)))
	}
	return limit
}

// Expire implements watchdog.Watched.
func (w watched) Expire() { w.s.context.fail(w.s.inMessage(), ErrHandlerTimeout) }

// Detach implements watchdog.Watched. It gives the connection to a fallback, which replies
// on the handler's behalf.
func (w watched) Detach() {
	s := w.s
	s.watch.hung = s.watch.called()
	attrs := append(slices.Clip(s.watch.hung), "peer", s.log.peer, "error", ErrHandlerTimeout)
	if id := s.QueueID(); id != "" {
		attrs = append(attrs, "queue_id", id)
	}
	if s.message.number > 0 {
		attrs = append(attrs, "message", s.message.number)
	}
	journal{s}.ofServer().Error("handler timed out; replying on its behalf", attrs...)
	f := newFallback(s.conn.Detach(), s.nego, s.shared.cfg.MessageTimeout, w.substitute(s.watch.lane))
	s.shared.counters.failed(!f.verdict.Refuses())
	if lane := s.watch.lane; lane != nil {
		s.watch.substitute = substitute{stage: s.watch.stage, filter: lane.plan.name, verdict: f.verdict}
	}
	released, recorded := make(chan struct{}), make(chan struct{})
	s.watch.released = released
	due, offered := s.watch.due, s.watch.command == wire.CmdOptNeg
	go func() {
		defer close(released)
		if offered {
			f.close()
		} else {
			f.serve(due)
		}
		<-recorded
		s.watch.abandon(&s.shared.counters)
	}()
	defer close(recorded)
	s.recording.detached(s, f.verdict) // the MTA does not wait for the Recorder
}

// substitute returns the verdict on a message whose handler hangs. The other lanes cannot
// be called any more. If the policy of a lane that has not decided yet requires its
// decision, the message is refused, even if it could go on without the lane that hangs.
//
// If the code that hangs cleans up after a message, the MTA has ended that message, and may
// have begun the next one. The reply is then about the next message, about which all lanes
// that have not left the session must decide.
func (w watched) substitute(hanging *laneState) Verdict {
	s := w.s
	if stage := s.watch.stage; stage == StageAbort || stage == StageClose {
		return w.substituteForNext()
	}
	if s.deferred.is() {
		return s.deferred.verdict
	}
	for i := range s.lanes.all {
		lane := &s.lanes.all[i]
		dispensable := lane.plan.policy.canDoWithout() || lane == hanging && s.lanes.dryRun.Load()
		if !dispensable && (lane == hanging || !lane.done || len(lane.edits) > 0) {
			return hanging.plan.policy.failure
		}
	}
	return Accept
}

// substituteForNext returns the verdict on a message that no lane has seen. What was decided
// for a session does not hold for the session after it.
func (w watched) substituteForNext() Verdict {
	s := w.s
	sameSession := !s.watch.betweenSessions()
	if sameSession && s.deferred.is() && s.deferred.perSession {
		return s.deferred.verdict
	}
	for i := range s.lanes.all {
		lane := &s.lanes.all[i]
		if sameSession && lane.detached || lane.plan.policy.canDoWithout() {
			continue
		}
		return lane.plan.policy.failure
	}
	return Accept
}
