package mta

import (
	"context"
	"errors"
)

// errCut ends a message after as many events as were allowed.
var errCut = errors.New("mta: the message goes no further")

// SendPart is [Conn.Send] for a client that leaves a message in the middle: it
// sends the given number of events, counted from MAIL, be they withheld from
// this filter or not. It reports whether the message came to its end, or to the
// filter's last word, before.
//
// The message stays under way: the next Send gives it up by SMFIC_ABORT before
// it begins its own, Quit does what the MTA does, and Close leaves without a
// word.
func (c *Conn) SendPart(ctx context.Context, m *Message, events int) (ended bool, err error) {
	_, err = c.transact(ctx, m, events)
	return !c.session.hanging, err
}

// spend takes an event off those that are allowed. What comes before MAIL is
// free.
func (t *transaction) spend() error {
	if !t.begun {
		return nil
	}
	if t.events == 0 {
		return errCut
	}
	t.events--
	return nil
}
