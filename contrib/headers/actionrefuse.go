package headers

import (
	"cmp"

	"github.com/sluicemail/sluice/framework"
)

// Reject rejects the message. The filter applies no further rules and discards
// all edits.
type Reject struct {
	// Code is the reply code, 4yz or 5yz. It defaults to 550. Status is the
	// enhanced status code of the same class. It defaults to 5.7.1, or to
	// 4.7.1 if Code is 4yz.
	Code   int
	Status string
	// Text is the text of the reply. It is not a template. It defaults to
	// "message refused".
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
	verdict, err := framework.Reply(code, status, cmp.Or(a.Text, "message refused"))
	if err != nil {
		c.fail("", err)
	}
	return func(r *run) (framework.Verdict, error) {
		r.s.Logger().Info("message rejected", "rule", r.rule, "reply", verdict.String(), queueID(r.s))
		return verdict, nil
	}
}

// maxReason limits the length of a reason in bytes. Postfix shows slightly
// less.
const maxReason = 200

func (a Quarantine) compile(c *compiler) step {
	c.needs.quarantine = true
	reason := c.line("Reason", a.Reason)
	return func(r *run) (framework.Verdict, error) {
		text := truncate(cmp.Or(reason.render(r), oneLine(r.rule)), maxReason)
		r.s.Logger().Info("message quarantined", "rule", r.rule, "reason", text, queueID(r.s))
		return framework.Continue, r.reg.quarantine.Quarantine(r.s, text)
	}
}
