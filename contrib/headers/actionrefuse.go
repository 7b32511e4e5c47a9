package headers

import (
	"cmp"

	"github.com/sluicemail/sluice/framework"
)

// Reject refuses the message. No rule behind it is tried, and what was edited
// is forgotten.
type Reject struct {
	// Code is 4yz or 5yz, 550 if zero; Status is the enhanced code of the
	// same class, 5.7.1 or 4.7.1 if empty.
	Code   int
	Status string
	// Text is for the sender; "message refused" if empty. It is no template.
	Text string
}

// Quarantine has the MTA take the message and hold it in its queue. The last
// reason counts.
type Quarantine struct {
	// Reason is a template, for the postmaster. The name of the rule is used
	// where it comes out empty.
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
		r.s.Logger().Info("refused by a rule", "rule", r.rule, "reply", verdict.String(), "queue", r.s.QueueID())
		return verdict, nil
	}
}

// longestReason is what Postfix shows of a reason, and a little more.
const longestReason = 200

func (a Quarantine) compile(c *compiler) step {
	c.needs.quarantine = true
	reason := c.line("Reason", a.Reason)
	return func(r *run) (framework.Verdict, error) {
		text := cut(cmp.Or(reason.render(r), oneLine(r.rule)), longestReason)
		r.s.Logger().Info("held by a rule", "rule", r.rule, "reason", text, "queue", r.s.QueueID())
		return framework.Continue, r.reg.quarantine.Quarantine(r.s, text)
	}
}
