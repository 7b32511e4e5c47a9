package mta

import (
	"context"

	"github.com/sluicemail/sluice/wire"
)

// Negotiate makes the offer and checks the filter's answer, as an MTA does: a
// version above the offer's, or an action or a protocol bit outside of it,
// is a *[wire.ProtocolError]. It is called once, before anything else.
func (c *Conn) Negotiate(ctx context.Context) error {
	offer := c.cfg.Offer
	if err := c.offer(offer); err != nil {
		return err
	}
	r, err := c.next(ctx, wire.CmdOptNeg, c.cfg.CommandTimeout)
	if err != nil {
		return err
	}
	answer, ok := r.(*wire.Negotiate)
	if !ok {
		return c.violation(r.ReplyCode().String(), "an answer to SMFIC_OPTNEG")
	}
	if reason := offer.refuses(answer); reason != "" {
		return c.violation(wire.CmdOptNeg.String(), reason)
	}
	if c.dec.Buffered() > 0 {
		return c.stray()
	}
	c.negotiated = answer
	c.dec.SetLimit(c.cfg.limit(answer.Protocol))
	return nil
}

// What the quirk UnknownBits offers. mfdef.h and mfapi.h have no such bits.
const (
	unknownAction   wire.Actions  = 1 << 30
	unknownProtocol wire.Protocol = 1 << 25
)

// offer queues the offer.
func (c *Conn) offer(o Offer) error {
	m := wire.Negotiate{Version: o.Version, Actions: o.Actions, Protocol: o.Protocol}
	if c.has(UnknownBits) {
		m.Actions |= unknownAction
		m.Protocol |= unknownProtocol
	}
	if !c.has(ExtraOffer) || c.err != nil {
		return c.queue(&m)
	}
	frame, err := m.Encode(nil)
	if err == nil {
		c.Frame(byte(wire.CmdOptNeg), append(frame[wire.HeaderLen:], "\x00\x00\x00\x00more\x00"...))
	}
	return err
}

// refuses says why the answer does not fit the offer, or nothing.
func (o Offer) refuses(answer *wire.Negotiate) string {
	switch {
	case answer.Version > o.Version:
		return "a version above the MTA's"
	case !o.Actions.Has(answer.Actions):
		return "actions that were not offered: " + (answer.Actions &^ o.Actions).String()
	case !o.Protocol.Has(answer.Protocol):
		return "protocol bits that were not offered: " + (answer.Protocol &^ o.Protocol).String()
	case len(answer.Macros) > 0 && !answer.Actions.Has(wire.ActionSetSymList):
		return "macro lists without SMFIF_SETSYMLIST"
	}
	return ""
}

// Negotiated returns the filter's answer, macro lists included, or false
// before the negotiation. The answer is the caller's to keep, not to change.
func (c *Conn) Negotiated() (wire.Negotiate, bool) {
	if c.negotiated == nil {
		return wire.Negotiate{}, false
	}
	return *c.negotiated, true
}

// agreed reports whether the filter asked for all bits of p.
func (c *Conn) agreed(p wire.Protocol) bool {
	return p != 0 && c.negotiated.Protocol.Has(p)
}
