package framework

import (
	"bytes"
	"errors"
	"io"

	"github.com/sluicemail/sluice/wire"
)

// showBody shows a chunk to the lanes that look at the body as it comes, and
// keeps it for those that look at it later.
func (s *Session) showBody(chunk []byte) Verdict {
	if s.keeps(s.plan.collect, theBody) {
		s.collect(chunk)
	}
	s.ending.Size += int64(len(chunk))
	s.event.body.chunk = chunk
	v := s.ask(s.plan.live[StageBody], StageBody, &s.event.body)
	s.event.body.chunk = nil
	s.link.reclaim(chunk)
	return v
}

// collect keeps a chunk. A body that cannot be kept takes no room any more.
func (s *Session) collect(chunk []byte) {
	if _, err := s.body.Write(chunk); err != nil {
		s.doWithout(StageBody, theBody, s.unspooled(err))
		s.warnClosing(s.body.Reset())
	}
}

// replay shows a lane the content as the lanes before it leave it, and returns
// the verdict that ended the message on the way.
func (s *Session) replay(lane *laneState) Verdict {
	if v := s.replayHeader(lane); v.ends() || lane.over {
		return v
	}
	if routes := lane.plan.routes[StageEndOfHeaders]; len(routes) > 0 {
		if v := s.show(lane, routes, &s.event.eoh); v.ends() || lane.over {
			return v
		}
	}
	routes := lane.plan.routes[StageBody]
	if len(routes) == 0 {
		return Continue
	}
	return s.replayBody(lane, routes)
}

// show runs a lane's handlers outside of the event's own stage on the wire.
func (s *Session) show(lane *laneState, routes []route, ev Event) Verdict {
	out := s.run(lane, routes, ev)
	out.silent = false // the end of message answers
	return s.settle(lane, ev.Stage(), out)
}

func (s *Session) replayHeader(lane *laneState) Verdict {
	routes := lane.plan.routes[StageHeader]
	if len(routes) == 0 {
		return Continue
	}
	e := &s.event.header
	for id := range s.book.Fields {
		e.name, e.value, e.id = s.book.Name(id), s.book.Value(id), id
		e.named, e.valued = true, true
		e.view, e.viewed = nil, view{}
		e.msg = wire.Header{Name: []byte(e.name)}
		if v := s.show(lane, routes, e); v.ends() || lane.over || s.link.abandoned {
			return v
		}
	}
	return Continue
}

func (s *Session) replayBody(lane *laneState, routes []route) Verdict {
	chunk := make([]byte, wire.MaxBodyChunk)
	for r := s.keptBody(); ; {
		n, err := io.ReadFull(r, chunk)
		if n > 0 {
			s.event.body.chunk = chunk[:n]
			v := s.show(lane, routes, &s.event.body)
			s.link.reclaim(chunk[:n])
			if v.ends() || lane.over || s.link.abandoned || lane.skippedAll(len(routes)) {
				return v
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return Continue
		}
		if err != nil {
			return s.settle(lane, StageEndOfMessage, s.failed(lane, StageEndOfMessage, err))
		}
	}
}

// keptBody returns a reader over the body as the lanes so far leave it.
func (s *Session) keptBody() io.Reader {
	switch b := &s.edits.body; {
	case b.kept || !b.replaced:
		return s.body.Reader()
	default:
		return bytes.NewReader(b.bytes)
	}
}
