package framework

import (
	"errors"
	"io"

	"github.com/sluicemail/sluice/wire"
)

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
	chunk := make([]byte, wire.MaxBodyChunk)
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
