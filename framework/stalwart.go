package framework

import (
	"bytes"
	"log/slog"

	"github.com/sluicemail/sluice/framework/internal/headertwice"
	"github.com/sluicemail/sluice/framework/internal/spool"
	"github.com/sluicemail/sluice/wire"
)

// Stalwart sends the whole message, header included, as the body. The framework removes
// that header again, so that filters measure, hash and replace the same body behind every
// MTA. It does so only for an MTA that is recognised as Stalwart: behind any other, a
// sender could hide the beginning of a body by repeating the header there. It cuts off only
// what came as fields, and values that are not UTF-8, which Stalwart never shows.
// Otherwise the header stays in the body: if one of its lines is no field, or if the fields
// were declined, which Stalwart does not offer by default.

// stalwartProtocol is all that Stalwart offers unless its administrator chose otherwise. No
// other MTA offers so little: others can at least omit CONNECT.
const stalwartProtocol = wire.ProtoNoHelo | wire.ProtoNoEOH

// offeredByStalwart reports whether an offer is that of Stalwart.
func offeredByStalwart(offer *wire.Negotiate) bool {
	return offer.Protocol == stalwartProtocol && !offer.Actions.Has(wire.ActionSetSymList)
}

// namedStalwart reports whether the macros of CONNECT name Stalwart, which no other MTA does
// unless its administrator chose that name.
func namedStalwart(macros []byte) bool {
	name, _ := wire.LookupMacro(macros, "daemon_name")
	return bytes.HasPrefix(name, []byte("Stalwart "))
}

// repeatedHeader recognises the header in front of the body, and counts what that takes.
type repeatedHeader struct {
	headertwice.Header
	memory spool.Reservation
}

func (r *repeatedHeader) reset() {
	r.Reset()
	r.memory.Release()
}

// showField records a field. Stalwart separates the lines of a value by CRLF, others by LF.
func (s *Session) showField(msg *wire.Header) *limitHit {
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
		s.warnNoRoom()
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
func (s *Session) warnNoRoom() {
	journal{s}.logger().Warn("message refused: no memory for the header that the MTA repeats",
		s.messageAttrs("limit", "MemoryBudget", "most", s.shared.store.Memory.Limit)...)
}
