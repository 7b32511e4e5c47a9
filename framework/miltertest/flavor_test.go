package miltertest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// renamer gives each field X-Old another name, in its place. It looks at the
// client too, and so asks for Connect and what comes with it.
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

// A field that is put somewhere goes by an index, which the MTAs count
// differently: a message with macros of its own must not make one MTA pass for
// the other.
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
