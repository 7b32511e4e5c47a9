package headers

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/sluicemail/sluice/contrib/internal/logattr"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/wire"
)

// Reject rejects the message. The filter applies no further rules and discards
// all edits.
type Reject struct {
	// Code is the reply code, 4yz or 5yz. It defaults to 550. Status is the
	// enhanced status code of the same class. It defaults to 5.7.1, or to
	// 4.7.1 if Code is 4yz.
	Code   int
	Status string
	// Text is the text of the reply. It is a template. Characters that a
	// reply cannot have become spaces, and the output is cut to 400 bytes.
	// If it is empty, the text is "message refused".
	Text string
}

// Quarantine asks the MTA to accept the message and hold it in its queue. If
// several rules quarantine a message, the last reason counts.
type Quarantine struct {
	// Reason is a template. Its output tells the postmaster why the message
	// is held. If the output is empty, the reason is the name of the rule.
	Reason string
}

func (a Reject) compile(c *compiler) step {
	code, status := cmp.Or(a.Code, 550), a.Status
	if status == "" {
		status = "5.7.1"
		if code < 500 {
			status = "4.7.1"
		}
	}
	text := c.line("Text", cmp.Or(a.Text, refused))
	fixed, err := framework.Reply(code, status, cmp.Or(text.text, refused))
	if err != nil {
		c.fail("", replyMistake(err))
	}
	return func(r *run) (framework.Verdict, error) {
		verdict := fixed
		if text.expr != nil {
			verdict = replyWith(code, status, text.render(r))
		}
		r.s.BoundedLogger(nil).Info("message rejected", "rule", r.rule, "reply", verdict.String(), logattr.QueueID(r.s))
		return verdict, nil
	}
}

// refused is the text of a reply that has no other.
const refused = "message refused"

// maxReply limits the length of a reply that a template made, in bytes, so that it fits on
// one line (RFC 5321 section 4.5.3.1.5).
const maxReply = 400

// replyWith returns a reply with a text that may come from the client.
func replyWith(code int, status, text string) framework.Verdict {
	code, status, lines := message.CleanReply(code, status, cmp.Or(message.CleanLine(text, maxReply), refused))
	return framework.MustReply(code, status, lines...)
}

// replyMistake returns what is wrong with a reply, in the words of the configuration.
func replyMistake(err error) error {
	if wrong, ok := errors.AsType[*wire.ValueError](err); ok {
		return fmt.Errorf("no valid reply: %s", wrong.Reason)
	}
	return err
}

// maxReason limits the length of a reason in bytes. Postfix shows slightly
// less.
const maxReason = 200

func (a Quarantine) compile(c *compiler) step {
	c.needs.quarantine = true
	reason := c.line("Reason", a.Reason)
	return func(r *run) (framework.Verdict, error) {
		text := truncate(cmp.Or(reason.render(r), oneLine(r.rule)), maxReason)
		r.s.BoundedLogger(nil).Info("message quarantined", "rule", r.rule, "reason", text, logattr.QueueID(r.s))
		return framework.Continue, r.reg.quarantine.Quarantine(r.s, text)
	}
}
