//go:build integration

package integration_test

import (
	"github.com/sluicemail/sluice/framework"
)

// wrecker is a filter that edits every message. It is mounted so that none of its
// edits is applied.
type wrecker struct{ name string }

func (w wrecker) Name() string { return w.name }

func (wrecker) Register(r *framework.Router) error {
	add, change, list := r.GrantInsertHeader(), r.GrantChangeHeader(), r.WantHeaders()
	rcpt, unrcpt := r.GrantAddRecipient(), r.GrantDeleteRecipient()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		var do errands
		for f := range list.All(s) {
			do.err(change.Delete(s, f.Handle))
			do.err(add.InsertBelow(s, f.Handle, "X-Wreck", "1"))
		}
		do.err(add.InsertTop(s, "A", "wreck"))
		do.err(rcpt.Add(s, "wreck@example.test"))
		do.err(unrcpt.Delete(s, "wreck@example.test"))
		return framework.Continue, do.first
	})
	return nil
}

// watcher is a filter that looks at everything and changes nothing.
type watcher struct{}

func (watcher) Name() string { return "watcher" }

func (watcher) Register(r *framework.Router) error {
	r.WantRawHeaders()
	r.WantHeaders()
	r.WantEnvelope()
	r.WantBody()
	r.GrantInsertHeader()
	r.GrantRenameHeader()
	for _, s := range stages() {
		s.answer(r, func() (framework.Verdict, error) { return framework.Continue, nil })
	}
	return nil
}
