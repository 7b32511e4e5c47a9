package filter

import (
	"errors"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
)

// What the filter does with a message. Mark adds a field X-Virus-Status.
const Accept, Reject, Quarantine, Mark = "accept", "reject", "quarantine", "mark"

// Filter has clamd look for viruses in each message.
type Filter struct {
	Clamd              string // an address for Scan
	Infected, TooLarge string // what the filter does with such a message
}

// Name implements [framework.Filter].
func (Filter) Name() string { return "clamav" }

// Register implements [framework.Filter].
func (f Filter) Register(r *framework.Router) error {
	kept, hold, add := r.WantMessage(), r.GrantQuarantine(framework.Optional()), r.GrantAddHeader(framework.Optional())
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		finding, err := Scan(s.Context(), f.Clamd, kept.Reader(s))
		do, code, status := f.Infected, 550, "5.7.1"
		if errors.Is(err, ErrTooLarge) {
			do, code, status, finding, err = f.TooLarge, 552, "5.3.4", "too large to scan", nil
		}
		if err != nil || finding == "" {
			return framework.Continue, err
		}
		s.Logger().Warn("found by clamd", "finding", finding, "action", do)
		switch do {
		case Reject:
			code, status, lines := message.CleanReply(code, status, "virus scan: "+finding)
			return framework.Reply(code, status, lines...)
		case Quarantine:
			return framework.Continue, hold.Quarantine(s, "virus scan: "+finding)
		case Mark:
			return framework.Continue, add.Append(s, "X-Virus-Status", message.CleanLine(finding, 200))
		}
		return framework.Continue, nil
	})
	return nil
}
