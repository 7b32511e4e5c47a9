package mta

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicemail/sluice/wire"
)

// Negotiate sends the offer and checks the filter's answer, as an MTA does. An
// answer with a version above the offered one, or with actions or protocol bits
// that were not offered, is a *[wire.ProtocolError]. Negotiate must be called
// once, before any other method.
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
		return c.violation(r.ReplyCode().String(), "not an answer to SMFIC_OPTNEG")
	}
	if err := offer.check(answer); err != nil {
		return c.violation(wire.CmdOptNeg.String(), err.Error())
	}
	if c.dec.Buffered() > 0 {
		return c.unexpectedReply()
	}
	c.negotiated = answer
	c.dec.SetLimit(c.cfg.limit(answer.Protocol))
	return nil
}

// The bits that the quirk UnknownBits offers. mfdef.h and mfapi.h do not define
// them.
const (
	unknownAction   wire.Actions  = 1 << 30
	unknownProtocol wire.Protocol = 1 << 25
)

// offer queues the MTA's offer.
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

// check returns an error if the answer does not fit the offer.
func (o Offer) check(answer *wire.Negotiate) error {
	switch {
	case answer.Version > o.Version:
		return errors.New("version above the MTA's")
	case !o.Actions.Has(answer.Actions):
		return fmt.Errorf("actions that were not offered: %v", answer.Actions&^o.Actions)
	case !o.Protocol.Has(answer.Protocol):
		return fmt.Errorf("protocol bits that were not offered: %v", answer.Protocol&^o.Protocol)
	case len(answer.Macros) > 0 && !answer.Actions.Has(wire.ActionSetSymList):
		return errors.New("macro lists without SMFIF_SETSYMLIST")
	}
	return nil
}

// Negotiated returns the filter's answer, including its macro lists, or false
// before the negotiation. The answer may be retained but must not be changed.
func (c *Conn) Negotiated() (wire.Negotiate, bool) {
	if c.negotiated == nil {
		return wire.Negotiate{}, false
	}
	return *c.negotiated, true
}

// agreed reports whether the filter requested all bits of p.
func (c *Conn) agreed(p wire.Protocol) bool {
	return p != 0 && c.negotiated.Protocol.Has(p)
}
