package miltertest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// renamer renames each field X-Old in place. It also reads the client, so it
// requests Connect and the macros of that stage.
func renamer() framework.Filter {
	return miltertest.FilterFunc("renamer", func(r *framework.Router) error {
		headers, rename := r.WantHeaders(), r.GrantRenameHeader()
		r.ObserveConnect(func(*session, *framework.Connect) error { return nil })
		r.OnEndOfMessage(func(s *session, _ *endOfMessage) (framework.Verdict, error) {
			for field := range headers.All(s) {
				if field.Name != "X-Old" {
					continue
				}
				if err := rename.Rename(s, field.Handle, "X-New"); err != nil {
					return framework.Continue, err
				}
			}
			return framework.Continue, nil
		})
		return nil
	})
}

// A field is inserted at an index, which the MTAs count differently. A message
// with custom macros must not make the framework mistake one MTA for the other.
func TestFlavorsAreNotMixed(t *testing.T) {
	t.Parallel()
	msg := miltertest.Message("A: 1\nX-Old: 2\nB: 3\nX-Old: 4\nC: 5\n\nbody\n",
		miltertest.Auth("ann"), miltertest.QueueID("4ABC"),
		miltertest.Macro(framework.StageConnect, "daemon_name", "submission"))
	for _, flavor := range []mta.Flavor{mta.Postfix, mta.Sendmail} {
		t.Run(flavor.String(), func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, renamer(), msg, miltertest.MTA(mta.Config{Flavor: flavor}))
			res.AssertAccepted(t)
			var order []string
			for _, f := range res.Edited.Header {
				order = append(order, f.Name+":"+f.Value)
			}
			assert.Equal(t, []string{"A: 1", "X-New: 2", "B: 3", "X-New: 4", "C: 5"}, order)
		})
	}
}
