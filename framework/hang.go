package framework

import (
	"time"

	"github.com/sluicemail/sluice/wire"
)

// watched is a session as its watchdog sees it. Its methods run while a handler does, and
// must not touch what the handler may use: the session's logger, made at its first use, for
// instance.
type watched struct{ s *Session }

// Check implements watchdog.Watched.
func (w watched) Check() {
	if w.s.conn.Flush() != nil || w.s.conn.PeerGone() {
		w.s.context.peerGone()
	}
}

// Progress implements watchdog.Watched. Before the end of the message Sendmail does not
// know SMFIR_PROGRESS.
func (w watched) Progress() {
	due := w.s.watch.due
	if w.s.nego.silent[due] || due != StageEndOfMessage && !w.s.macros.fromPostfix() {
		return
	}
	w.s.conn.Append([]byte{0, 0, 0, 1, byte(wire.RepProgress)})
	if w.s.conn.Flush() != nil {
		w.s.context.peerGone()
	}
}

// Limit implements watchdog.Watched. The server's limit is that of the event whose answer
// the MTA waits for: at the end of the message it holds for content that is shown then,
// too.
func (w watched) Limit(began time.Time) time.Duration {
	s := w.s
	limit := s.shared.cfg.HandlerTimeout
	if s.watch.due == StageEndOfMessage {
		limit = s.shared.cfg.MessageTimeout
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
	lane, stage := s.watch.lane, s.watch.stage
	s.shared.counters.handlerErrors.Add(1)
	attrs := []any{"filter", lane.plan.name, "stage", stage.String(), "peer", s.log.peer, "error", ErrHandlerTimeout}
	if id := s.QueueID(); id != "" {
		attrs = append(attrs, "queue_id", id)
	}
	s.shared.cfg.Logger.Error("handler timed out; replying on its behalf", attrs...)
	f := newFallback(s.conn.Detach(), s.nego, s.shared.cfg.MessageTimeout, w.substitute(lane))
	s.watch.substitute = substitute{stage: stage, filter: lane.plan.name, verdict: f.verdict}
	released := make(chan struct{})
	s.watch.released = released
	due := s.watch.due
	go func() {
		defer close(released)
		f.serve(due)
	}()
}

// substitute returns the verdict on a message whose handler hangs. The other lanes cannot be
// asked any more: if the message must not go on without one of them that has not decided
// yet, it is refused, even if it may go on without the lane that hangs.
func (w watched) substitute(hanging *laneState) Verdict {
	s := w.s
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
