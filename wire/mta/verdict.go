package mta

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// verdict reads replies until the one that ends the event. edits collects the
// modifications at the end of the message and is nil at the other stages.
func (c *Conn) verdict(ctx context.Context, code wire.CommandCode, edits *edits) (Response, error) {
	began := time.Now()
	for {
		wait := c.cfg.replyTimeout(code)
		if limit := c.cfg.AnswerTimeout; limit > 0 {
			wait = min(wait, limit-time.Since(began))
		}
		r, err := c.next(ctx, code, wait)
		if err != nil {
			return Response{}, err
		}
		if r.ReplyCode() == wire.RepProgress {
			continue
		}
		if action, ok := actionOf(r); ok {
			if err := c.edit(edits, action, r); err != nil {
				return Response{}, err
			}
			continue
		}
		return c.decide(code, r)
	}
}

// decide checks that the reply may end the event.
func (c *Conn) decide(code wire.CommandCode, r wire.Reply) (Response, error) {
	if err := c.checkReply(code, r); err != nil {
		return Response{}, c.violation(r.ReplyCode().String(), err.Error())
	}
	if c.dec.Buffered() > 0 {
		return Response{}, c.unexpectedReply()
	}
	resp := Response{Code: r.ReplyCode(), Origin: Answered}
	resp.SMTP, _ = r.(*wire.SMTPReply)
	if resp.Code == wire.RepSkip {
		c.recordSkip(code)
	}
	return resp, nil
}

// checkReply returns an error if the reply is not valid for the command.
func (c *Conn) checkReply(code wire.CommandCode, r wire.Reply) error {
	switch r.ReplyCode() {
	case wire.RepContinue, wire.RepAccept, wire.RepReject, wire.RepTempFail, wire.RepReplyCode, wire.RepShutdown:
		return nil
	case wire.RepDiscard:
		if inSession(code) {
			return fmt.Errorf("no message to discard at %v", code)
		}
		return nil
	case wire.RepSkip:
		if code == wire.CmdBodyEOB || !c.cfg.Offer.Protocol.Has(wire.ProtoSkip) {
			return fmt.Errorf("nothing to skip at %v, or SMFIP_SKIP was not offered", code)
		}
		return nil
	default:
		return fmt.Errorf("not a valid answer to %v", code)
	}
}
