package mta

import (
	"context"

	"github.com/sluicemail/sluice/wire"
)

// event sends a command and waits for the verdict. It does neither if the
// filter declined the event, and does not wait if no reply is due.
func (c *Conn) event(ctx context.Context, cmd wire.Command) (Response, error) {
	origin, err := c.send(ctx, cmd)
	if err != nil || origin != Answered {
		return Response{Code: wire.RepContinue, Origin: origin}, err
	}
	return c.verdict(ctx, cmd.CommandCode(), nil)
}

// send queues a command. It returns Answered if a reply is due, and otherwise
// the reason why none is.
func (c *Conn) send(ctx context.Context, cmd wire.Command) (Origin, error) {
	if err := c.ready(); err != nil {
		return "", err
	}
	code := cmd.CommandCode()
	if origin := c.whyNotSent(code); origin != "" {
		return origin, nil
	}
	if err := c.queue(cmd); err != nil {
		return "", err
	}
	if c.agreed(eventOf(code).noReply) {
		return NotAwaited, c.flushIfLarge(ctx)
	}
	return Answered, nil
}

func (c *Conn) ready() error {
	if c.err == nil && c.negotiated == nil {
		return ErrNotNegotiated
	}
	return c.err
}

// whyNotSent returns the reason why an event is not sent, or "" if it is sent.
// The first event of another kind ends the effect of SMFIR_SKIP.
func (c *Conn) whyNotSent(code wire.CommandCode) Origin {
	if code == c.skipped || code == wire.CmdBody && c.session.skipBody {
		return Skipped
	}
	c.skipped = 0
	if !inContent(code) || code == wire.CmdBodyEOB {
		c.session.skipBody = false
	}
	sent := code == wire.CmdEOH && c.has(Unnegotiated)
	if !c.exists(code) || c.agreed(eventOf(code).no) && !sent {
		return NotSent
	}
	return ""
}

// exists reports whether the protocol version has the event. UNKNOWN was added
// in version 3 and DATA in version 4. An MTA that has an event offers to omit
// it.
func (c *Conn) exists(code wire.CommandCode) bool {
	if code != wire.CmdData && code != wire.CmdUnknown {
		return true
	}
	return c.cfg.Offer.Protocol.Has(eventOf(code).no) || c.has(Unnegotiated) && code == wire.CmdData && c.cfg.Offer.Version >= 4
}
