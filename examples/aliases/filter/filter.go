package filter

import (
	"cmp"
	"slices"

	"github.com/sluicemail/sluice/framework"
)

// Filter replaces recipients by their targets.
type Filter struct{ Table Table } // open it before the first message

// Name implements [framework.Filter].
func (*Filter) Name() string { return "aliases" }

// Register implements [framework.Filter].
func (f *Filter) Register(r *framework.Router) error {
	envelope, add, del := r.WantEnvelope(), r.GrantAddRecipient(), r.GrantDeleteRecipient()
	r.OnRcpt(func(s *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
		_, err := f.Table.Targets(s.Context(), e.Recipient())
		return framework.Continue, err // if the database fails, the message is not sent
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		var added []string
		for _, rcpt := range envelope.Recipients(s) { // a filter before may have added some
			targets, err := f.Table.Targets(s.Context(), rcpt)
			if len(targets) > 0 && !slices.Equal(targets, []string{rcpt}) {
				added, err = append(added, targets...), del.Delete(s, rcpt)
			}
			if err != nil {
				return framework.Continue, err
			}
		}
		var err error
		for _, target := range added { // after all deletions: a target may have a row, too
			err = cmp.Or(err, add.Add(s, target))
		}
		return framework.Continue, err
	})
	return nil
}
