package framework_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A handler that ran past its deadline takes its context with it, but not what
// was put there for the message.
func TestContextValueOutlivesDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		r.Mount(miltertest.FilterFunc("late", func(r *framework.Router) error {
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				s.SetContextValue(contextKey{}, "kept")
				<-s.Context().Done()
				return framework.Continue, nil
			})
			return nil
		}))
		r.Mount(miltertest.FilterFunc("next", func(r *framework.Router) error {
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				assert.NoError(t, s.Context().Err())
				assert.Equal(t, "kept", s.Context().Value(contextKey{}))
				return framework.Continue, nil
			})
			return nil
		}))
		miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n")).AssertAccepted(t)
	})
}
