package spf_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// With NoField, the filter edits nothing, not even forged fields, and needs no name. A filter
// behind has the results.
func TestNoField(t *testing.T) {
	t.Parallel()
	f, err := spf.New(spf.Config{Resolver: resolvertest.New(t, world), NoField: true})
	require.NoError(t, err)
	var seen spf.Results
	r := framework.NewRouter()
	r.Mount(f)
	r.Mount(miltertest.FilterFunc("reader", func(r *framework.Router) error {
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			seen, _ = spf.ResultsOf(s)
			return framework.Continue, nil
		})
		return nil
	}))
	plan, err := r.Plan()
	require.NoError(t, err)
	assert.NotContains(t, plan.Actions.Names(), "SMFIF_ADDHDRS")
	assert.NotContains(t, plan.Actions.Names(), "SMFIF_CHGHDRS")
	assert.Contains(t, plan.Protocol.Names(), "SMFIP_NOHDRS", "the MTA need not send the header")
	msg := miltertest.Message("Authentication-Results: mx.example.net; spf=pass\n\nx\n", miltertest.From("ann@good.example"),
		miltertest.Macro(framework.StageConnect, "j", ""))
	miltertest.RunRouter(t, r, msg).AssertUnmodified(t)
	assert.Equal(t, spf.Pass, seen.MailFrom.Status)
}

// Received-SPF fields are written nevertheless, and need the name of this host.
func TestNoFieldButReceivedSPF(t *testing.T) {
	t.Parallel()
	cfg := spf.Config{NoField: true, ReceivedSPF: true}
	f := filter(t, cfg)
	res := miltertest.Run(t, f, letter("ann@good.example"))
	assert.True(t, strings.HasPrefix(res.Header("Received-SPF"), "pass"), res.Header("Received-SPF"))
	assert.Empty(t, res.Header("Authentication-Results"))
	cfg.Resolver = resolvertest.New(t, world)
	nameless, err := spf.New(cfg)
	require.NoError(t, err)
	miltertest.Run(t, nameless, letter("ann@good.example", miltertest.Macro(framework.StageConnect, "j", "")), quiet()).AssertTempFailed(t)
}

// What the filter may edit cannot change without a new negotiation.
func TestReloadNoField(t *testing.T) {
	t.Parallel()
	dns := resolvertest.New(t, world)
	with, without := spf.Config{Resolver: dns}, spf.Config{Resolver: dns, NoField: true}
	received := spf.Config{Resolver: dns, NoField: true, ReceivedSPF: true}
	require.ErrorIs(t, filter(t, with).Reload(without), spf.ErrRestart)
	require.ErrorIs(t, filter(t, without).Reload(with), spf.ErrRestart)
	require.ErrorIs(t, filter(t, without).Reload(received), spf.ErrRestart)
	require.NoError(t, filter(t, received).Reload(without))
}
