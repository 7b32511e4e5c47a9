package dkim_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// With NoField, the filter that verifies edits nothing, not even forged fields, and needs no
// name. A filter behind has the results. One that signs too signs as before.
func TestNoField(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	cfg := dkim.Config{Signing: forExample(k), Verifying: dkim.Verifying{NoField: true, Resolver: publish(t, k)}}
	verifier, err := dkim.NewVerifier(cfg)
	require.NoError(t, err)
	both, err := dkim.New(cfg)
	require.NoError(t, err)
	for name, f := range map[string]*dkim.Filter{"verifier": verifier, "both": both} {
		var seen []dkim.Result
		r := framework.NewRouter()
		r.Mount(f)
		r.Mount(miltertest.FilterFunc("reader", func(r *framework.Router) error {
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				seen, _ = dkim.ResultsOf(s)
				return framework.Continue, nil
			})
			return nil
		}))
		plan, err := r.Plan()
		require.NoError(t, err)
		assert.NotContains(t, plan.String(), "SMFIF_CHGHDRS", name)
		assert.Equal(t, name == "both", len(plan.Actions.Names()) > 0 && plan.Actions.Names()[0] == "SMFIF_ADDHDRS", name)
		conn := miltertest.NewRouterServer(t, r).Dial(t)
		signed := "Authentication-Results: mx.example.org; dkim=pass\n" + craft(t, crafted{key: k.Signer, tags: tagsEd}, fromAnn, "x\n")
		conn.Run(t, miltertest.Message(signed, miltertest.Macro(framework.StageConnect, "j", ""))).AssertUnmodified(t)
		assert.Equal(t, []string{"pass example.org"}, describe(seen), name)
		res := conn.Run(t, miltertest.Message(fromAnn+"\nx\n", miltertest.Auth("ann")))
		assert.Equal(t, name == "both", res.Header("DKIM-Signature") != "", name)
	}
}

// Whether the filter writes the field cannot change without a new negotiation.
func TestReloadNoField(t *testing.T) {
	t.Parallel()
	with := dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}}}
	without := with
	without.Verifying.NoField = true
	for _, c := range []struct{ before, after dkim.Config }{{with, without}, {without, with}} {
		f, err := dkim.NewVerifier(c.before)
		require.NoError(t, err)
		require.ErrorIs(t, f.Reload(c.after), dkim.ErrRestart)
		require.NoError(t, f.Reload(c.before))
	}
}

// AuthRes has the properties that are known.
func TestAuthRes(t *testing.T) {
	t.Parallel()
	r := dkim.Result{Status: dkim.StatusFail, Reason: "x", Domain: "example.org"}
	field := r.AuthRes()
	assert.Equal(t, "dkim", field.Method)
	assert.Equal(t, "fail", field.Value)
	require.Len(t, field.Properties, 1)
	assert.Equal(t, "example.org", field.Properties[0].Value)
}
