package framework

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sluicemail/sluice/framework/internal/crlf"
	"github.com/sluicemail/sluice/framework/internal/spool"
)

// endOfMessage calls the lanes in order. Each lane sees the message as the previous lanes
// left it, and its modifications are applied before the next lane is called. If no lane
// refuses the message, endOfMessage collects the modifications for the MTA.
func (s *Session) endOfMessage() (outcome, error) {
	if s.deferred.is() {
		return outcome{}, nil
	}
	for i := range s.lanes.all {
		lane := &s.lanes.all[i]
		out := s.endLane(lane)
		if s.conn.Detached() {
			return outcome{}, nil
		}
		if out.verdict.ends() {
			return out, nil
		}
		lane.dropEdits()
	}
	return s.modify()
}

// endLane calls a lane's handlers of the end of the message and applies its
// modifications. If the lane has not seen the content yet, endLane first replays it.
func (s *Session) endLane(lane *laneState) (out outcome) {
	if lane.plan.replays && !lane.done {
		r := replay{session: s, lane: lane}
		if out = r.run(); out.verdict.ends() || s.conn.Detached() {
			return out
		}
	}
	if !lane.done {
		lane.notified = true
		if routes := lane.plan.routes[StageEndOfMessage]; len(routes) > 0 {
			if out = s.show(lane, routes, &s.event.eom); out.verdict.ends() || s.conn.Detached() {
				return out
			}
		}
	}
	if err := s.apply(lane); err != nil && !s.conn.Detached() {
		return s.decide(lane, StageEndOfMessage, s.failToApply(lane, err))
	}
	return outcome{}
}

// show calls one lane's handlers of an event, and records what they decided.
func (s *Session) show(lane *laneState, routes []route, ev Event) outcome {
	return s.decide(lane, ev.Stage(), s.run(lane, routes, ev))
}

// apply applies the modifications that a lane requested, so that the later lanes see
// them. If it returns an error, it has applied none of them.
func (s *Session) apply(lane *laneState) error {
	if len(lane.edits) == 0 {
		return nil
	}
	if lane.plan.policy.dryRun {
		s.logDryEdits(lane, lane.edits)
		return nil
	}
	for i := range lane.edits {
		if err := lane.edits[i].find(&s.content); err != nil {
			return err
		}
	}
	if err := s.applyBody(lane); err != nil {
		return err
	}
	for i := range lane.edits {
		s.message.edits.apply(&lane.edits[i], &s.content, &s.nego)
	}
	return nil
}

// applyBody applies the lane's last replacement of the body. It reads a reader to its end
// before anything is sent. A read error is therefore a failure of the lane, and the MTA
// never receives half a body.
func (s *Session) applyBody(lane *laneState) error {
	for i := range slices.Backward(lane.edits) {
		e := &lane.edits[i]
		if e.kind != editBody {
			continue
		}
		if e.reader == nil {
			s.message.edits.body = bodySource{replaced: true, inMemory: true, bytes: e.body}
			return nil
		}
		if err := s.keepBody(lane, e.reader); err != nil {
			return fmt.Errorf("%v: %w", editBody, err)
		}
		s.message.edits.body = bodySource{replaced: true}
		return nil
	}
	return nil
}

// keepBody reads a new body and keeps it instead of the message's body. Reading
// runs the filter's code, so the watchdog watches it like a handler.
func (s *Session) keepBody(lane *laneState, r io.Reader) error {
	fresh := s.shared.store.New()
	defer func() { s.warnClosing(fresh.Reset()) }() // also if the filter ends its goroutine
	s.watch.begin(lane, StageEndOfMessage, s.conn.Detached())
	err := contained(func() error {
		_, err := io.Copy(&fresh, crlf.NewReader(r))
		return err
	})
	if !s.endCall() {
		return errDetached
	}
	if err != nil {
		return err
	}
	return s.content.body.Replace(&fresh)
}

// errDetached ends a session whose connection was detached while a handler ran.
var errDetached = errors.New("framework: the connection was given up while a handler ran")

// failToApply returns the outcome if modifications could not be applied. If there was no
// space for a new body, the lane did not cause the failure, and the reply reports the
// lack of space instead.
func (s *Session) failToApply(lane *laneState, err error) outcome {
	out := s.fail(lane, StageEndOfMessage, err)
	if errors.Is(err, spool.ErrNoRoom) {
		hit := s.shared.noDisk(err)
		hit.total.Add(1)
		if out.failed {
			out.verdict = hit.verdict
		}
	}
	return out
}

// modify collects all modifications for the MTA, in the order envelope, header,
// quarantine, body. Postfix requires that nothing comes between the chunks of a body. The
// error is an error of the connection.
func (s *Session) modify() (outcome, error) {
	edits, book := &s.message.edits, &s.content.book
	if edits.clean() && book.Clean() {
		return outcome{}, nil
	}
	frames, err := edits.encodeEnvelope(s.conn.AvailableBuffer())
	if err == nil {
		frames, err = book.Script(frames, kindOfMTA(s.macros.fromPostfix()))
	}
	if err == nil {
		frames, err = edits.encodeQuarantine(frames)
	}
	if err != nil {
		return s.failToModify(err), nil
	}
	s.conn.Append(frames)
	switch {
	case !edits.body.replaced:
		return outcome{}, nil
	case edits.body.inMemory:
		s.conn.ReplaceBody(edits.body.bytes)
		return outcome{}, nil
	}
	readErr, err := s.conn.StreamBody(edits.body.reader(&s.content))
	if readErr != nil {
		return s.failToModify(readErr), err
	}
	return outcome{}, err
}

// failToModify returns the outcome if modifications could not be sent.
func (s *Session) failToModify(err error) outcome {
	s.Logger().Error("modifications not sent", s.messageAttrs("error", err)...)
	return outcome{verdict: failureVerdict()}
}
