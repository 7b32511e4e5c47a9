package filter

import "github.com/sluicemail/sluice/framework"

// Bouncer refuses mail from the domains on a list.
type Bouncer struct {
	list  Denylist
	tally *Tally
}

// NewBouncer returns a [Bouncer].
func NewBouncer(list Denylist, tally *Tally) framework.Filter { return &Bouncer{list, tally} }

// Name implements [framework.Filter].
func (*Bouncer) Name() string { return "bouncer" }

// Register implements [framework.Filter]. If the list is empty, the filter asks
// the MTA for nothing.
func (b *Bouncer) Register(r *framework.Router) error {
	if len(b.list) == 0 {
		return nil
	}
	r.OnMail(func(_ *framework.Session, m *framework.Mail) (framework.Verdict, error) {
		if !b.list.Denies(m.Sender()) {
			return framework.Continue, nil
		}
		b.tally.refused.Add(1)
		return framework.Reply(550, "5.7.1", "mail from your domain is not accepted here")
	})
	return nil
}

// Stamper adds a header field to accepted messages.
type Stamper struct {
	header, value string
	tally         *Tally
}

// NewStamper returns a [Stamper].
func NewStamper(header, value string, tally *Tally) framework.Filter {
	return &Stamper{header, value, tally}
}

// Name implements [framework.Filter].
func (*Stamper) Name() string { return "stamper" }

// Register implements [framework.Filter].
func (f *Stamper) Register(r *framework.Router) error {
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		f.tally.passed.Add(1)
		return framework.Continue, add.Append(s, f.header, f.value)
	})
	return nil
}
