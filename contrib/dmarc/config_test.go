package dmarc_test

import (
	"flag"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestAllMistakesTogether(t *testing.T) {
	t.Parallel()
	_, err := dmarc.New(dmarc.Config{
		AuthservID: "a b", AlsoRemove: []string{"", "*.example.org", "x\n"}, Timeout: -time.Second, Field: "X Y",
		Actions: dmarc.Actions{Reject: 9}, Networks: []netip.Prefix{{}}, KeepResultsFrom: []netip.Prefix{{}},
		Forwarders:     []dmarc.Forwarder{{Domains: []string{"good.example"}}, {}, {Domains: []string{"-- "}, Authors: []string{"[192.0.2.1]"}, Networks: []netip.Prefix{{}}}},
		TrustedSealers: []string{"192.0.2.1"},
	})
	require.Error(t, err)
	for _, want := range []string{
		"dmarc: configuration: no resolver", `"a b" is not a name of a host`, "a name in AlsoRemove is empty", `"*.example.org" is not a name`,
		`"x\n" is not a name`, "the timeout is negative", "Field: ", "Actions: an action is unknown", "\nNetworks: a network is not valid", "KeepResultsFrom: a network is not valid",
		"Forwarders[1]: it has neither networks nor domains", `Forwarders[2]: Networks: a network is not valid`, `Domains: "-- " is not a domain`, `Authors: "[192.0.2.1]" is not a domain`,
		`TrustedSealers: "192.0.2.1" is not a domain`,
	} {
		assert.ErrorContains(t, err, want)
	}
}

func TestNamesOfActions(t *testing.T) {
	t.Parallel()
	for _, a := range []dmarc.Action{dmarc.Accept, dmarc.AddField, dmarc.Hold, dmarc.TempFail, dmarc.Reject} {
		parsed, err := dmarc.ParseAction(a.String())
		require.NoError(t, err)
		assert.Equal(t, a, parsed)
	}
	_, err := dmarc.ParseAction("drop")
	require.ErrorContains(t, err, "want accept, addfield, hold, tempfail or reject")
	assert.Equal(t, "action 7", dmarc.Action(7).String())
}

// Changes of a configuration after New have no effect.
func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	cfg := dmarc.Config{Networks: prefixes("192.0.2.0/24"), Forwarders: []dmarc.Forwarder{{Domains: []string{"list.example"}}}}
	f := filter(t, cfg)
	cfg.Networks[0], cfg.Forwarders[0].Domains[0] = netip.MustParsePrefix("10.0.0.0/8"), "x"
	assert.Contains(t, dmarcLine(t, miltertest.RunRouter(t, mounted(t, f), letter("ann@good.example"))), "in a network of this host")
}

// Reload changes what happens to the next message, and refuses what needs another negotiation or
// is wrong.
func TestReload(t *testing.T) {
	t.Parallel()
	cfg := dmarc.Config{Resolver: dns(t), AuthservID: host, Actions: dmarc.Actions{Reject: dmarc.Reject}}
	f := filter(t, cfg)
	conn := miltertest.NewRouterServer(t, mounted(t, f)).Dial(t)
	conn.Run(t, letter("ann@reject.example")).AssertRejected(t)
	cfg.Actions.Reject = dmarc.TempFail
	require.NoError(t, f.Reload(cfg))
	conn.Run(t, letter("ann@reject.example")).AssertTempFailed(t)

	wrong := cfg
	wrong.Actions.Reject = dmarc.Hold
	err := f.Reload(wrong)
	require.ErrorIs(t, err, dmarc.ErrRestart)
	require.ErrorContains(t, err, "dmarc: configuration: adding the first action that holds messages requires a restart")
	wrong = cfg
	wrong.NoField = true
	require.ErrorIs(t, f.Reload(wrong), dmarc.ErrRestart)
	bare := filter(t, wrong)
	wrong.Actions.Quarantine = dmarc.AddField
	require.ErrorIs(t, bare.Reload(wrong), dmarc.ErrRestart)
	wrong = cfg
	wrong.Actions.Reject, wrong.Resolver = dmarc.Hold, nil
	require.ErrorContains(t, f.Reload(wrong), "no resolver")
	conn.Run(t, letter("ann@reject.example")).AssertTempFailed(t)

	held := filter(t, dmarc.Config{Actions: dmarc.Actions{Quarantine: dmarc.Hold}})
	wrong.Resolver = dns(t)
	require.NoError(t, held.Reload(wrong))
	assert.True(t, miltertest.RunRouter(t, mounted(t, held), letter("ann@reject.example")).Quarantined)
}

// TestPlan compares what the filter asks of the MTA with golden files. Only an action that holds
// messages asks for the right to, and without the field only one that adds a field.
func TestPlan(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]dmarc.Config{
		"plain": {}, "hold": {Actions: dmarc.Actions{Quarantine: dmarc.Hold}}, "nofield": {NoField: true},
		"nofield-add": {NoField: true, Actions: dmarc.Actions{Quarantine: dmarc.AddField}},
	} {
		cfg.Name = "policy"
		f := filter(t, cfg)
		r := framework.NewRouter()
		r.Mount(f)
		plan, err := r.Plan()
		require.NoError(t, err)
		got := withoutLines(plan.String())
		golden := "testdata/" + name + ".golden"
		if *update {
			require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		assert.Equal(t, string(want), got)
	}
}

// withoutLines removes the numbers of the lines of source files.
func withoutLines(text string) string {
	var b strings.Builder
	for word := range strings.SplitAfterSeq(text, ".go:") {
		b.WriteString(strings.TrimLeft(word, "0123456789"))
	}
	return b.String()
}

// withSPF is the filter with SPF before it, in one lane, because the kit checks one filter.
type withSPF struct{ before, filter framework.Filter }

func (withSPF) Name() string { return "both" }

func (b withSPF) Register(r *framework.Router) error {
	if err := b.before.Register(r); err != nil {
		return err
	}
	return b.filter.Register(r)
}

// TestConformance checks that the filter does the same on every MTA.
func TestConformance(t *testing.T) {
	t.Parallel()
	f := filter(t, dmarc.Config{Actions: dmarc.Actions{
		Reject: dmarc.Reject, Quarantine: dmarc.AddField, TempError: dmarc.TempFail, PermError: dmarc.AddField,
	}})
	messages := miltertest.Messages(
		letter("ann@good.example"), letter("ann@reject.example"), letter("ann@quarantine.example"), letter("ann@broken.example"),
		letter("ann@none.example"), letter("ann@reject.example", miltertest.Auth("ann")),
		miltertest.Message("Authentication-Results: "+host+"; dmarc=pass\nFrom: ann@quarantine.example\n\nx\n", miltertest.From("ann@good.example")),
	)
	sender, _ := checkers(t, dns(t))
	miltertest.TestFilter(t, withSPF{sender, f}, messages)
}
