package framework

import (
	"bytes"
	"log/slog"

	"github.com/sluicemail/sluice/framework/internal/headertwice"
	"github.com/sluicemail/sluice/wire"
)

// showField records a field. Stalwart separates the lines of a value by CRLF, others by LF.
func (c *connection) showField(msg *wire.Header) *limitHit {
	s := c.session
	if !s.nego.stalwart {
		return nil
	}
	if !s.content.reserve(&s.content.repeated.memory, headertwice.FieldCost) {
		return s.shared.noMemory(theHeader | theBody)
	}
	s.content.repeated.Field(msg.Name, msg.Value)
	msg.Value = bytes.ReplaceAll(msg.Value, []byte("\r\n"), []byte("\n"))
	return nil
}

// bodyData passes on what SMFIC_BODY or SMFIC_BODYEOB carries. last says that the body ends
// with it.
func (c *connection) bodyData(data []byte, last bool) (out outcome) {
	s := c.session
	r := &s.content.repeated
	if !s.nego.stalwart || r.Done() {
		return c.bodyChunk(data)
	}
	var body []byte
	var cut bool
	switch {
	case r.Held()/2 > s.shared.cfg.MaxHeaderBytes: // far longer than the fields may be
		body = append(r.GiveUp(), data...)
	case s.content.reserve(&r.memory, len(data)):
		body, cut = r.Cut(data, last)
	default:
		s.shared.counters.noRoom.Add(1)
		c.warnNoRoom()
		return outcome{verdict: shortOfStorage(), failed: true}
	}
	if r.Done() {
		r.memory.Release()
		if !cut && len(body) > 0 {
			journal{s}.logger().Log(s.shared.base, slog.LevelDebug, "body taken as it came: it does not begin with the header")
		}
	}
	for len(body) > 0 && !out.verdict.ends() {
		n := min(len(body), wire.MaxBodyChunk)
		out = c.bodyChunk(body[:n])
		body = body[n:]
	}
	return out
}

// warnNoRoom logs that there is no memory for the header in front of the body.
func (c *connection) warnNoRoom() {
	s := c.session
	journal{s}.logger().Warn("message refused: no memory for the header that the MTA repeats",
		s.messageAttrs("limit", "MemoryBudget", "most", s.shared.store.Memory.Limit)...)
}
