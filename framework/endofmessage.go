package framework

import (
	"errors"
	"fmt"
	"io"

	"github.com/sluicemail/sluice/framework/internal/crlf"
	"github.com/sluicemail/sluice/framework/internal/spool"
	"github.com/sluicemail/sluice/wire"
)

// endOfMessage first calls the handlers of BeforeEndOfMessage of all lanes, and then the
// lanes in order. Each lane sees the message as the previous lanes left it, and its
// modifications are applied before the next lane is called. If no lane refuses the
// message, endOfMessage collects the modifications for the MTA.
func (s *Session) endOfMessage() (outcome, error) {
	if s.deferred.is() {
		return outcome{}, nil
	}
	s.content.unedited = true
	out := s.dispatch(s.plan.before, StageEndOfMessage, &s.event.eom)
	s.content.unedited = false
	if out.verdict.ends() || s.conn.Detached() {
		return out, nil
	}
	for i := range s.lanes.all {
		lane := &s.lanes.all[i]
		out := s.endLane(lane)
		s.content.recall()
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
	err := s.apply(lane)
	switch {
	case err == nil:
		lane.record.ended = true
	case s.conn.Detached():
		lane.record.fail(StageEndOfMessage)
	default:
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
		journal{s}.dryEdits(lane, lane.edits)
		s.recording.edits(s, lane)
		if lane.plan.recorded {
			return s.try(lane)
		}
		return nil
	}
	lane.resolveHandles(&s.content.book)
	s.recording.edits(s, lane)
	for i := range lane.edits {
		if err := lane.check(i, &s.content.book); err != nil {
			return err
		}
	}
	if err := s.applyBody(lane); err != nil {
		return err
	}
	s.content.recall()
	s.content.book.BeginFilter(lane.plan.number)
	journal{s}.edits(lane)
	if lane.plan.recorded {
		lane.recordEdits(s)
	}
	for i := range lane.edits {
		s.message.edits.apply(lane, &lane.edits[i], &s.content, &s.nego)
	}
	if lane.plan.recorded {
		lane.recordPlaces(&s.content.book)
	}
	s.recording.applied(s, lane)
	if rcpts := &s.message.edits.rcpts; rcpts.twice > 0 {
		s.Logger().Debug("recipients added twice by one filter", s.messageAttrs("filter", lane.plan.name, "count", rcpts.twice)...)
		rcpts.twice = 0
	}
	return nil
}

// try records the modifications of a lane in a dry run as if they were applied.
func (s *Session) try(lane *laneState) error {
	if e := lane.newBody(); e != nil && e.reader != nil {
		if err := s.readBody(lane, e.reader, io.Discard); err != nil {
			return fmt.Errorf("%v: %w", editBody, err)
		}
	}
	lane.resolveHandles(&s.content.book)
	lane.recordEdits(s)
	trial := s.content.book.Trial()
	trial.BeginFilter(lane.plan.number)
	for i := range lane.edits {
		if lane.check(i, trial) == nil {
			lane.edits[i].applyToHeader(trial, &s.nego)
		}
	}
	lane.recordPlaces(trial)
	return nil
}

// applyBody applies the lane's last replacement of the body. It reads a reader to its end
// before anything is sent. A read error is therefore a failure of the lane, and the MTA
// never receives half a body.
func (s *Session) applyBody(lane *laneState) error {
	e := lane.newBody()
	switch {
	case e == nil:
		return nil
	case e.reader == nil:
		s.message.edits.body = bodySource{replaced: true, inMemory: true, bytes: e.body}
		return nil
	}
	if err := s.keepBody(lane, e.reader); err != nil {
		return fmt.Errorf("%v: %w", editBody, err)
	}
	s.message.edits.body = bodySource{replaced: true}
	return nil
}

// keepBody reads a new body and keeps it instead of the message's body.
func (s *Session) keepBody(lane *laneState, r io.Reader) error {
	fresh := s.shared.store.New()
	defer func() { s.warnClosing(fresh.Reset()) }() // also if the filter ends its goroutine
	if err := s.readBody(lane, r, &fresh); err != nil {
		return err
	}
	s.warnClosing(s.content.replaceBody(&fresh)) // the new body is there, whatever became of the old one
	return nil
}

// readBody reads a new body into w. Reading runs the filter's code, so the watchdog watches it
// like a handler.
func (s *Session) readBody(lane *laneState, r io.Reader, w io.Writer) error {
	s.watch.begin(lane, StageEndOfMessage, s.conn.Detached())
	err := contained(func() error {
		lines := io.Reader(crlf.NewReader(r))
		if lane.plan.recorded {
			lines = lane.record.body.of(lines)
		}
		_, err := io.Copy(w, lines)
		return err
	})
	ok, expired := s.endCall()
	s.content.recall() // the filter's readers read the old body
	switch {
	case !ok:
		return errDetached
	case errors.Is(err, crlf.ErrBareCR):
		return &ValueError{"body", err.Error()}
	case err != nil:
		return withCause(s, err, expired)
	}
	return nil
}

// errDetached ends a session whose connection was detached while a handler ran.
var errDetached = errors.New("framework: the connection was given up while a handler ran")

// failToApply returns the outcome if modifications could not be applied. If a limit or a
// budget of the server has no space for a new body, the lane did not cause the failure,
// and the reply reports the lack of space instead.
func (s *Session) failToApply(lane *laneState, err error) outcome {
	out := s.fail(lane, StageEndOfMessage, err)
	if errors.Is(err, spool.ErrFull) || errors.Is(err, spool.ErrNoRoom) {
		hit := s.shared.spoolLimit(err)
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
	edits.rcpts.count(&edits.counts)
	frames, err := edits.encodeEnvelope(s.conn.AvailableBuffer())
	if err == nil {
		frames, err = book.Script(frames, s.macros.mta.counting())
	}
	if err == nil {
		frames, err = edits.encodeQuarantine(frames)
	}
	if err != nil {
		return s.failToModify(err, unprocessable()), nil
	}
	s.recording.replies(frames)
	s.conn.Append(frames)
	switch {
	case !edits.body.replaced:
		return outcome{}, nil
	case edits.body.inMemory:
		s.recording.newBody(int64(len(edits.body.bytes)))
		s.conn.ReplaceBody(edits.body.bytes)
		return outcome{}, nil
	}
	s.recording.newBody(edits.body.size(&s.content))
	readErr, err := s.conn.StreamBody(edits.body.reader(&s.content))
	if readErr != nil {
		return s.failToModify(readErr, failureVerdict()), err // the next file may be readable
	}
	return outcome{}, err
}

// failToModify returns the outcome if modifications could not be sent.
func (s *Session) failToModify(err error, v Verdict) outcome {
	journal{s}.logger().Error("modifications not sent", s.messageAttrs("error", err)...)
	return outcome{verdict: v}
}

// replay calls a lane's handlers with the content as the previous lanes left it, right
// before the lane's end of message.
type replay struct {
	session *Session
	lane    *laneState
	out     outcome // of the handlers so far
}

// run replays the header, its end and the body, until the lane needs no more.
func (r *replay) run() outcome {
	r.header()
	if routes := r.lane.plan.routes[StageEndOfHeaders]; len(routes) > 0 && r.goesOn() {
		r.out = r.session.show(r.lane, routes, &r.session.event.eoh)
	}
	r.body()
	return r.out
}

// goesOn reports whether to show the lane more of the message.
func (r *replay) goesOn() bool {
	return !r.out.verdict.ends() && !r.lane.done && !r.session.conn.Detached()
}

func (r *replay) header() {
	routes := r.lane.plan.routes[StageHeader]
	if len(routes) == 0 {
		return
	}
	e, book := &r.session.event.header, &r.session.content.book
	for id := range book.Fields {
		e.reset(id)
		e.raw = rawField{name: book.Name(id), value: book.Value(id), hasName: true, hasValue: true}
		e.msg = wire.Header{Name: []byte(e.raw.name)}
		if r.out = r.session.show(r.lane, routes, e); !r.goesOn() {
			return
		}
	}
}

func (r *replay) body() {
	s, routes := r.session, r.lane.plan.routes[StageBody]
	if len(routes) == 0 || !r.goesOn() {
		return
	}
	size := s.message.edits.body.size(&s.content)
	chunk := make([]byte, max(1, min(size, wire.MaxBodyChunk)))
	for body := s.message.edits.body.reader(&s.content); ; {
		n, err := body.Read(chunk)
		if n > 0 {
			s.event.body.chunk = chunk[:n]
			r.out = s.show(r.lane, routes, &s.event.body)
			s.conn.Reclaim(chunk[:n])
			if !r.goesOn() || r.lane.skipsBody(len(routes)) {
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			r.out = s.decide(r.lane, StageEndOfMessage, s.fail(r.lane, StageEndOfMessage, err))
			return
		}
	}
}
