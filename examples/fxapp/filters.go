package main

import "github.com/sluicemail/sluice/framework"

// Bouncer refuses mail from domains that are on the list.
type Bouncer struct {
	list  Denylist
	tally *Tally
}

// NewBouncer returns the filter.
func NewBouncer(list Denylist, tally *Tally) framework.Filter { return &Bouncer{list, tally} }

// Name implements [framework.Filter].
func (*Bouncer) Name() string { return "bouncer" }

// Register implements [framework.Filter]. With nothing to refuse, nothing is
// asked of the MTA.
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

// Stamper adds a header field to the mail that passes.
type Stamper struct {
	header string
	tally  *Tally
}

// NewStamper returns the filter.
func NewStamper(s Settings, tally *Tally) framework.Filter { return &Stamper{s.Stamp, tally} }

// Name implements [framework.Filter].
func (*Stamper) Name() string { return "stamper" }

// Register implements [framework.Filter].
func (f *Stamper) Register(r *framework.Router) error {
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		f.tally.passed.Add(1)
		return framework.Continue, add.Append(s, f.header, name)
	})
	return nil
}
