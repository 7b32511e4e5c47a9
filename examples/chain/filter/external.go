package filter

import (
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
)

// External puts a tag in front of the subject of mail whose client has not logged in.
type External struct{}

const tag = "[external]"

// Name implements [framework.Filter].
func (External) Name() string { return "external" }

// Register implements [framework.Filter].
func (External) Register(r *framework.Router) error {
	header, change := r.WantHeaders(), r.GrantChangeHeader()
	r.Use(middleware.When(middleware.Not(middleware.Authenticated())))
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		subject, ok := header.First(s, "Subject")
		if !ok || strings.HasPrefix(subject.Value, tag) {
			return framework.Continue, nil
		}
		return framework.Continue, change.Change(s, subject.Handle, tag+" "+subject.Value)
	})
	return nil
}
