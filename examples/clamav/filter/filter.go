package filter

import (
	"context"
	"errors"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
)

// What the filter does with a message. Mark adds a field X-Virus-Status.
const Accept, Reject, Quarantine, Mark = "accept", "reject", "quarantine", "mark"

// Filter has clamd look for viruses in each message.
type Filter struct {
	Clamd              string // an address for Scan
	Infected, TooLarge string // what the filter does with such a message; Reject if the MTA cannot do it

	// Early sends clamd the message as the mail server sent it, while the other filters of
	// the router work. It saves time if these take long, too. Otherwise clamd sees what the
	// filters mounted before left.
	Early bool
}

// Name implements [framework.Filter].
func (Filter) Name() string { return "clamav" }

// Register implements [framework.Filter].
func (f Filter) Register(r *framework.Router) error {
	kept, hold, add := r.WantMessage(), r.GrantQuarantine(framework.Optional()), r.GrantAddHeader(framework.Optional())
	scan := func(s *framework.Session) (string, error) { return Scan(s.Context(), f.Clamd, kept.Reader(s)) }
	if f.Early {
		early := framework.Async[string](r)
		r.BeforeEndOfMessage(func(s *framework.Session) error {
			mail := kept.Reader(s)
			return early.Start(s, func(ctx context.Context) (string, error) { return Scan(ctx, f.Clamd, mail) })
		})
		scan = early.Wait
	}
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		finding, err := scan(s)
		do, code, status := f.Infected, 550, "5.7.1"
		if errors.Is(err, ErrTooLarge) {
			do, code, status, finding, err = f.TooLarge, 552, "5.3.4", "too large to scan", nil
		}
		if err != nil || finding == "" {
			return framework.Continue, err
		}
		if do == Quarantine && !hold.Granted(s) || do == Mark && !add.Granted(s) {
			do = Reject // the MTA cannot do it
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
