package arc_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// With NoField, the verifier edits nothing, not even forged fields, and needs no name. A filter
// behind has the result.
func TestNoField(t *testing.T) {
	t.Parallel()
	cfg := arc.VerifierConfig{Resolver: resolvertest.New(t, ""), NoField: true}
	f, err := arc.NewVerifier(cfg)
	require.NoError(t, err)
	known := false
	r := framework.NewRouter()
	r.Mount(f)
	r.Mount(miltertest.FilterFunc("reader", func(r *framework.Router) error {
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			_, known = arc.ResultsOf(s)
			return framework.Continue, nil
		})
		return nil
	}))
	plan, err := r.Plan()
	require.NoError(t, err)
	assert.Empty(t, plan.Actions.Names())
	msg := miltertest.Message("Authentication-Results: mx.example.org; arc=pass\n\nx\n", miltertest.Macro(framework.StageConnect, "j", ""))
	miltertest.RunRouter(t, r, msg).AssertUnmodified(t)
	assert.True(t, known)

	with := cfg
	with.NoField = false
	require.ErrorIs(t, f.Reload(with), arc.ErrRestart)
	require.NoError(t, f.Reload(cfg))
}
