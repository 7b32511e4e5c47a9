package mta

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sluicemail/sluice/wire"
)

// Send sends one message to the filter, in the order and with the macros of the
// MTA that [Config] selects, and returns the outcome. Connect and Helo precede
// the first message of a connection and the first message after [Conn.QuitNC].
// Send negotiates first if that has not happened. A refusal by the filter is
// not an error. After an error the outcome holds the results so far.
func (c *Conn) Send(ctx context.Context, m *Message) (*Outcome, error) {
	return c.transact(ctx, m, math.MaxInt)
}

func (c *Conn) transact(ctx context.Context, m *Message, events int) (*Outcome, error) {
	t := &transaction{Conn: c, ctx: ctx, msg: m.withDefaults(c.cfg), out: new(Outcome), events: events}
	if c.negotiated == nil {
		if err := c.Negotiate(ctx); err != nil {
			return t.out, err
		}
	}
	return t.out, t.run()
}

// transaction is one message while it is sent to the filter.
type transaction struct {
	*Conn
	ctx context.Context
	msg *Message
	out *Outcome
	// events is the number of events that may still be sent.
	events int
	begun  bool
	// rest is the part of the body that has not been sent.
	rest []byte
}

func (t *transaction) run() error {
	for _, step := range []func() error{t.reuse, t.greet, t.abortOpen, t.falseStart} {
		if err := step(); err != nil || t.sessionDecided() {
			return err
		}
	}
	if err := t.transfer(); errors.Is(err, errEventLimit) {
		t.session.open = true
		return nil
	} else if err != nil {
		return err
	}
	if t.out.Verdict.Code == wire.RepShutdown {
		t.endSession()
		return nil
	}
	if t.session.left {
		t.endSession()
	}
	if err := t.finish(); err != nil {
		return err
	}
	return t.deliver()
}

// sessionDecided reports whether the filter has already decided about the whole
// session. It then sets the outcome accordingly.
func (t *transaction) sessionDecided() bool {
	if t.session.final == nil {
		return false
	}
	t.out.Verdict, t.out.DecidedAt = *t.session.final, t.session.finalAt
	if !t.out.Verdict.Refuses() {
		t.out.Accepted = accepted(t.msg.Recipients)
		t.out.Edited = t.msg.clone()
		t.out.Edited.Recipients = t.out.Accepted
	}
	return true
}

// endSession makes the verdict apply to the whole session.
func (t *transaction) endSession() {
	t.session.final, t.session.finalAt = &t.out.Verdict, t.out.DecidedAt
}

// greet sends the events of the session, once per session.
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
			t.endSession()
			return nil
		}
	}
	return nil
}

// transfer runs the stages of the message until a final verdict.
func (t *transaction) transfer() error {
	t.begun = true
	for _, step := range []func() error{t.mail, t.rcpts, t.data, t.header, t.endOfHeaders, t.body, t.endOfMessage} {
		if err := step(); err != nil || t.out.Verdict.Final() {
			return err
		}
	}
	return nil
}

// record records the response of a stage.
func (t *transaction) record(code wire.CommandCode, about string, r Response) {
	t.out.Steps = append(t.out.Steps, Step{Stage: eventOf(code).stage, About: about, Response: r})
	t.out.Verdict, t.out.DecidedAt = t.effective(code, r), eventOf(code).stage
}

// effective returns the response that the MTA acts on.
func (t *transaction) effective(code wire.CommandCode, r Response) Response {
	switch {
	case t.session.left:
		r.Code = wire.RepAccept
	case t.has(AcceptContinues) && r.Code == wire.RepAccept && code != wire.CmdBodyEOB:
		r.Code = wire.RepContinue
	case t.has(OwnReplies):
		return ownReply(r)
	}
	return r
}

// ownReply returns a response with the text that Maddy has for all refusals. SMFIR_REJECT
// becomes 550, and SMFIR_TEMPFAIL and SMFIR_DISCARD become 450.
func ownReply(r Response) Response {
	var code int
	status := "5.7.1"
	switch r.Code {
	case wire.RepReject:
		code = 550
	case wire.RepTempFail, wire.RepDiscard:
		code, status = 450, "4.7.1"
	case wire.RepReplyCode:
		code = r.SMTP.Code()
	default:
		return r
	}
	// 450 5.7.1 is not valid, so it is not built by wire.NewSMTPReply. Maddy says it.
	text := fmt.Sprintf("%d %s Message rejected due to local policy", code, status)
	return Response{Code: wire.RepReplyCode, SMTP: &wire.SMTPReply{Text: text}, Origin: r.Origin}
}

// deliver determines the message that the MTA delivers, if any.
func (t *transaction) deliver() error {
	for _, r := range t.out.Modifications {
		if q, ok := r.(*wire.Quarantine); ok && !t.has(QuarantineField) {
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
