package remote_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// A milter may need an action that one MTA lacks. It then refuses the mail of that MTA, which
// is no reason to pause it for the others.
func TestLacking(t *testing.T) {
	t.Parallel()
	adder := miltertest.FilterFunc("adder", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Added", "yes")
		})
		return nil
	})
	f := lane(t, remote.Config{EjectAfter: 1}, serve(t, adder))
	lacking := miltertest.As(miltertest.Postfix().WithoutActions(wire.ActionAddHdrs))
	for range 2 {
		srv := miltertest.NewServer(t, f, lacking)
		conn := srv.Dial(t)
		assert.Equal(t, "451 4.3.0 mail filter failed, try again later", conn.Run(t, letter()).Reply())
		failure, ok := srv.Logs().Find("handler failed")
		require.True(t, ok)
		why, _ := miltertest.LogAttr(failure, "error")
		assert.Contains(t, why.String(), "it cannot do without what the MTA does not allow, SMFIF_ADDHDRS: it wants SMFIC_CONNECT, SMFIC_MAIL")

		assert.Equal(t, "yes", miltertest.Run(t, f, letter()).Header("X-Added"), "the milter is not paused")
	}
	res := miltertest.Run(t, f, letter(), lacking, miltertest.Lane(framework.FailOpen()))
	require.NotNil(t, res.Edited)
	assert.Empty(t, res.Header("X-Added"))
}
