package mta

import (
	"context"
	"errors"
)

// errEventLimit ends a message after the allowed number of events.
var errEventLimit = errors.New("mta: event limit reached")

// SendPart is like [Conn.Send] for a client that abandons a message. It sends
// the given number of events, counted from MAIL. Events that the filter
// declined count too. ended reports whether the message reached its end or a
// final verdict before that.
//
// If it did not, the message remains open. The next Send aborts it by
// SMFIC_ABORT before it begins its own message. Quit does what the MTA would
// do, and Close only closes the connection.
func (c *Conn) SendPart(ctx context.Context, m *Message, events int) (ended bool, err error) {
	_, ended, err = c.SendEvents(ctx, m, events)
	return ended, err
}

// SendEvents is like [Conn.SendPart], and also returns the outcome so far. If the message
// did not end, the outcome has no Edited.
func (c *Conn) SendEvents(ctx context.Context, m *Message, events int) (out *Outcome, ended bool, err error) {
	out, err = c.transact(ctx, m, events)
	return out, !c.session.open, err
}

// takeEvent counts one event against the limit. Events before MAIL do not
// count.
func (t *transaction) takeEvent() error {
	if !t.begun {
		return nil
	}
	if t.events == 0 {
		return errEventLimit
	}
	t.events--
	return nil
}
