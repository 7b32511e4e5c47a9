package filter

import "github.com/sluicemail/sluice/framework"

// Filter replaces the body of each message.
type Filter struct {
	// Body is the new body, as [Canonical] returns it. All messages share
	// it, so it must not be modified after registration.
	Body []byte
}

// Name implements [framework.Filter].
func (Filter) Name() string { return "changebody" }

// Register implements [framework.Filter].
func (f Filter) Register(r *framework.Router) error {
	replace := r.GrantReplaceBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, replace.Replace(s, f.Body)
	})
	return nil
}
