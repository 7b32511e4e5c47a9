package mta

import (
	"context"
	"errors"
	"math"

	"github.com/sluicemail/sluice/wire"
)

// Send runs one message through the filter, in the order and with the macros
// of the MTA that [Config] names, and returns what came of it. The first
// message of a connection, and the first after [Conn.QuitNC], is preceded
// by Connect and Helo. It negotiates if that was not done. A message that the
// filter refuses is no error. With an error the outcome holds what came before
// it.
func (c *Conn) Send(ctx context.Context, m *Message) (*Outcome, error) {
	return c.transact(ctx, m, math.MaxInt)
}

func (c *Conn) transact(ctx context.Context, m *Message, events int) (*Outcome, error) {
	t := &transaction{Conn: c, ctx: ctx, msg: m.filled(c.cfg), out: new(Outcome), events: events}
	if c.negotiated == nil {
		if err := c.Negotiate(ctx); err != nil {
			return t.out, err
		}
	}
	return t.out, t.run()
}

// transaction is one message on its way through the filter.
type transaction struct {
	*Conn
	ctx context.Context
	msg *Message
	out *Outcome
	// events is how many events may be sent.
	events int
	begun  bool
	// rest is the part of the body that was not sent.
	rest []byte
}

func (t *transaction) run() error {
	for _, step := range []func() error{t.reuse, t.greet, t.resume, t.falseStart} {
		if err := step(); err != nil || t.closed() {
			return err
		}
	}
	if err := t.transfer(); errors.Is(err, errCut) {
		t.session.hanging = true
		return nil
	} else if err != nil {
		return err
	}
	if t.out.Verdict.Code == wire.RepShutdown {
		t.end()
		return nil
	}
	if t.session.left {
		t.end()
	}
	if err := t.finish(); err != nil {
		return err
	}
	return t.deliver()
}

// closed reports whether the filter has had its last word on the session.
func (t *transaction) closed() bool {
	if t.session.over == nil {
		return false
	}
	t.out.Verdict, t.out.DecidedAt = *t.session.over, t.session.overAt
	if !t.out.Verdict.Refuses() {
		t.out.Accepted = accepted(t.msg.Recipients)
		t.out.Edited = t.msg.clone()
		t.out.Edited.Recipients = t.out.Accepted
	}
	return true
}

// end makes the verdict the one on the whole session.
func (t *transaction) end() {
	t.session.over, t.session.overAt = &t.out.Verdict, t.out.DecidedAt
}

// greet reports the client, once per session.
func (t *transaction) greet() error {
	if t.session.greeted {
		return nil
	}
	t.session.greeted = true
	steps := []func() error{t.connect, t.helo}
	if t.has(HeloTwice) {
		steps = append(steps, t.helo)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
		if t.out.Verdict.Final() {
			t.end()
			return nil
		}
	}
	return nil
}

// transfer goes through the stages of the message up to a last word.
func (t *transaction) transfer() error {
	t.begun = true
	for _, step := range []func() error{t.mail, t.rcpts, t.data, t.header, t.endOfHeaders, t.body, t.endOfMessage} {
		if err := step(); err != nil || t.out.Verdict.Final() {
			return err
		}
	}
	return nil
}

// note keeps what a stage came to.
func (t *transaction) note(code wire.CommandCode, about string, r Response) {
	t.out.Steps = append(t.out.Steps, Step{Stage: eventOf(code).stage, About: about, Response: r})
	t.out.Verdict, t.out.DecidedAt = t.meant(r), eventOf(code).stage
}

// meant returns what the MTA takes a response for.
func (t *transaction) meant(r Response) Response {
	if t.session.left {
		r.Code = wire.RepAccept
	}
	return r
}

// deliver works out what is delivered, if anything is.
func (t *transaction) deliver() error {
	for _, r := range t.out.Modifications {
		if q, ok := r.(*wire.Quarantine); ok {
			t.out.Quarantined, t.out.Quarantine = true, q.Reason
		}
	}
	if t.out.Verdict.Refuses() || t.out.Verdict.Code == wire.RepDiscard {
		return nil
	}
	msg := t.msg.clone()
	msg.Recipients = t.out.Accepted
	e, err := apply(msg, t.out.Modifications, t.cfg, t.negotiated.Protocol)
	switch {
	case err != nil:
		return err
	case t.has(ManyEditsLost) && e.tooMany():
		t.out.Lost = true
	default:
		t.out.Edited = e.msg
	}
	return nil
}
