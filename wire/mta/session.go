package mta

import (
	"math"

	"github.com/sluicemail/sluice/wire"
)

// session is the state of the SMTP session on a connection, for Send.
type session struct {
	greeted bool
	// final is the verdict by which the filter decided about the whole
	// session.
	final   *Response
	finalAt Stage
	// open: the last message neither ended nor was aborted.
	open bool
	// ended: the last message came to its end.
	ended bool
	// left: the filter sent SMFIR_SKIP at a stage where this ends its part
	// in the session.
	left bool
	// skipBody: the filter sent SMFIR_SKIP at a stage where this skips the
	// body of the message.
	skipBody bool
}

// reuse starts another session on the connection.
func (t *transaction) reuse() error {
	if !t.session.greeted || !t.has(ReusedConnection) {
		return nil
	}
	return t.QuitNC()
}

// abortOpen aborts the previous message if it is still open.
func (t *transaction) abortOpen() error {
	if !t.session.open {
		return nil
	}
	t.session.open = false
	return t.Abort()
}

// falseStart begins the message and gives it up by a HELO, as a client may. A
// filter can end the session by refusing the HELO or by a shutdown.
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
			t.endSession()
			return nil
		}
	}
	return nil
}

// finish prepares the filter for the next message. The client gives up a
// message if the filter refused every recipient or DATA.
func (t *transaction) finish() error {
	givenUp := t.out.Verdict.Refuses() &&
		(t.out.DecidedAt == StageRcpt && len(t.out.Accepted) == 0 || t.out.DecidedAt == StageData)
	t.session.ended = t.out.DecidedAt == StageEndOfMessage
	ended := t.session.ended || t.session.final != nil
	switch {
	case t.has(AbortAfterEnd):
		return t.Abort()
	case givenUp && t.has(QuitInMessage):
		t.session.open = true
		return nil
	case givenUp || !ended && !t.has(NoAbortAfterVerdict):
		return t.Abort()
	}
	return nil
}

// recordSkip records an SMFIR_SKIP.
func (c *Conn) recordSkip(code wire.CommandCode) {
	switch {
	case !c.has(SkipLeaves) || code == wire.CmdBody:
		c.skipped = code
	case inContent(code):
		c.session.skipBody = true
	default:
		c.session.left = true
	}
}
