package mta

import (
	"context"

	"github.com/sluicemail/sluice/wire"
)

// event sends a command, unless it is not to be sent, and waits for the
// verdict, unless there is to be none.
func (c *Conn) event(ctx context.Context, cmd wire.Command) (Response, error) {
	origin, err := c.send(ctx, cmd)
	if err != nil || origin != Answered {
		return Response{Code: wire.RepContinue, Origin: origin}, err
	}
	return c.verdict(ctx, cmd.CommandCode(), nil)
}

// send queues a command, and says what answer to it is due.
func (c *Conn) send(ctx context.Context, cmd wire.Command) (Origin, error) {
	if err := c.ready(); err != nil {
		return "", err
	}
	code := cmd.CommandCode()
	if origin := c.holds(code); origin != "" {
		return origin, nil
	}
	if err := c.queue(cmd); err != nil {
		return "", err
	}
	if c.agreed(eventOf(code).noReply) {
		return NotAwaited, c.settle(ctx)
	}
	return Answered, nil
}

func (c *Conn) ready() error {
	if c.err == nil && c.negotiated == nil {
		return ErrNotNegotiated
	}
	return c.err
}

// holds says why an event is not sent, or nothing when it is. A SMFIR_SKIP
// ends with the first event of another kind.
func (c *Conn) holds(code wire.CommandCode) Origin {
	if code == c.skipped || code == wire.CmdBody && c.session.bodiless {
		return Skipped
	}
	c.skipped = 0
	if !inContent(code) || code == wire.CmdBodyEOB {
		c.session.bodiless = false
	}
	if !c.exists(code) || c.agreed(eventOf(code).no) {
		return NotSent
	}
	return ""
}

// exists reports whether the protocol version has the event. Version 3 brought
// UNKNOWN and version 4 DATA; an MTA that has an event offers to leave it out.
func (c *Conn) exists(code wire.CommandCode) bool {
	if code != wire.CmdData && code != wire.CmdUnknown {
		return true
	}
	return c.cfg.Offer.Protocol.Has(eventOf(code).no)
}
