package mta

import (
	"math"

	"github.com/sluicemail/sluice/wire"
)

// session is what is known of the SMTP session on a connection, for Send.
type session struct {
	greeted bool
	// over is the verdict that the filter gave on the whole session.
	over   *Response
	overAt Stage
	// hanging: the last message was neither ended nor aborted.
	hanging bool
	// left: the filter said SMFIR_SKIP where that means that it leaves.
	left bool
	// bodiless: it said so where that means the body of this message.
	bodiless bool
}

// reuse begins another session on the connection.
func (t *transaction) reuse() error {
	if !t.session.greeted || !t.has(ReusedConnection) {
		return nil
	}
	return t.QuitNC()
}

// resume gives up what was left of the message before.
func (t *transaction) resume() error {
	if !t.session.hanging {
		return nil
	}
	t.session.hanging = false
	return t.Abort()
}

// falseStart begins the message and gives it up by a HELO, as a client may. A
// filter that refuses the HELO, or says that the session is to end, has the last
// word.
func (t *transaction) falseStart() error {
	if !t.has(HeloInMessage) {
		return nil
	}
	try := &transaction{Conn: t.Conn, ctx: t.ctx, msg: t.msg, out: new(Outcome), events: math.MaxInt}
	for _, step := range []func() error{try.mail, try.rcpts, try.helo, try.Abort} {
		if err := step(); err != nil {
			return err
		}
		shut := try.out.Verdict.Code == wire.RepShutdown
		if shut || try.out.DecidedAt == StageHelo && try.out.Verdict.Final() {
			t.out.Verdict, t.out.DecidedAt = try.out.Verdict, try.out.DecidedAt
			t.end()
			return nil
		}
	}
	return nil
}

// finish leaves the filter ready for the next message. A message of which the
// filter refused every recipient, or DATA, is given up by the client.
func (t *transaction) finish() error {
	givenUp := t.out.Verdict.Refuses() &&
		(t.out.DecidedAt == StageRcpt && len(t.out.Accepted) == 0 || t.out.DecidedAt == StageData)
	ended := t.out.DecidedAt == StageEndOfMessage || t.session.over != nil
	switch {
	case t.has(AbortAfterEnd):
		return t.Abort()
	case givenUp && t.has(QuitInMessage):
		t.session.hanging = true
		return nil
	case givenUp || !ended && !t.has(NoAbortAfterVerdict):
		return t.Abort()
	}
	return nil
}

// skips takes note of a SMFIR_SKIP.
func (c *Conn) skips(code wire.CommandCode) {
	switch {
	case !c.has(SkipLeaves) || code == wire.CmdBody:
		c.skipped = code
	case inContent(code):
		c.session.bodiless = true
	default:
		c.session.left = true
	}
}
