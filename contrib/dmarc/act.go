package dmarc

import (
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
)

// act does what the configuration wants.
func (h *handlers) act(s *framework.Session, cfg *Config, o *Outcome) (framework.Verdict, error) {
	switch o.Action {
	case AddField:
		return framework.Continue, h.add.InsertTop(s, cfg.Field, o.fieldValue(cfg.Field))
	case Hold:
		return framework.Continue, h.quarantine.Quarantine(s, "dmarc: "+o.sentence())
	case TempFail:
		return reply(451, "4.7.1", o)
	case Reject:
		return reply(550, "5.7.1", o)
	default:
		return framework.Continue, nil
	}
}

// fieldValue returns the value of the field of AddField.
func (o *Outcome) fieldValue(name string) string {
	return message.Fold(name, message.CleanLine(o.sentence(), maxReply))
}

// maxReply limits the texts for others that a sender has caused, in bytes.
const maxReply = 400

// reply returns the reply to a client whose message is refused.
func reply(code int, status string, o *Outcome) (framework.Verdict, error) {
	lines := []string{"DMARC: " + o.sentence()}
	for i := range o.Identities[:min(len(o.Identities), maxExplained)] {
		lines = append(lines, o.Identities[i].Explanation)
	}
	code, status, lines = message.CleanReply(code, status, strings.Join(lines, "\n"))
	return framework.Reply(code, status, lines...)
}

// sentence says what failed, for a postmaster: the domain, the tag of its record, and why.
func (o *Outcome) sentence() string {
	if o.Status != StatusFail {
		return fmt.Sprintf("%s, %s", o.Status, first(firstOf(o.Reasons), "no reason is known"))
	}
	policy := fmt.Sprintf("%s=%s", o.PolicyTag, o.wanted())
	if o.wanted() != o.Policy {
		policy += " with t=y"
	}
	return fmt.Sprintf("fail, mail of %s is not authenticated, and the record at _dmarc.%s has %s",
		o.AuthorDomain, o.PolicyDomain, policy)
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
