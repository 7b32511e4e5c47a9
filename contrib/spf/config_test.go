package spf_test

import (
	"flag"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestAllMistakesTogether(t *testing.T) {
	t.Parallel()
	_, err := spf.New(spf.Config{
		AuthservID: "a b", AlsoRemove: []string{"", "*.example.org", "x\n"}, Timeout: -time.Second,
		MailFrom: spf.Policy{Fail: 9}, Helo: spf.Policy{PermError: 3}, Relays: []netip.Prefix{{}}, Networks: prefixes("10.0.0.0/8"),
	})
	require.Error(t, err)
	for _, want := range []string{
		"spf: configuration: no resolver", `"a b" is not a name of a host`, "a name in AlsoRemove is empty", `"*.example.org" is not a name`,
		`"x\n" is not a name`, "the timeout is negative", "the policy for mailfrom has an unknown action",
		"the policy for helo has an unknown action", "Relays: a network is not valid",
	} {
		assert.ErrorContains(t, err, want)
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	for _, a := range []spf.Action{spf.Accept, spf.TempFail, spf.Reject} {
		parsed, err := spf.ParseAction(a.String())
		require.NoError(t, err)
		assert.Equal(t, a, parsed)
	}
	_, err := spf.ParseAction("drop")
	require.ErrorContains(t, err, "want accept, tempfail or reject")
	assert.Equal(t, "action 7", spf.Action(7).String())
}

// TestConfigIsCopied changes a configuration after New.
func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	cfg := spf.Config{Resolver: resolvertest.New(t, world), AuthservID: "mx.example.net", Networks: prefixes("192.0.2.0/24")}
	f, err := spf.New(cfg)
	require.NoError(t, err)
	cfg.Networks[0] = netip.MustParsePrefix("10.0.0.0/8")
	assert.Contains(t, miltertest.Run(t, f, letter("ann@good.example")).Header("Authentication-Results"), "in a network of this host")
}

// TestPlan compares what the filter asks of the MTA with golden files.
func TestPlan(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]spf.Config{"direct": {}, "relays": {Relays: prefixes("203.0.113.0/24")}} {
		cfg.Name = "sender"
		r := framework.NewRouter()
		r.Mount(filter(t, cfg))
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

// TestConformance checks that the filter does the same on every MTA.
func TestConformance(t *testing.T) {
	t.Parallel()
	policy := spf.Policy{Fail: spf.Reject, TempError: spf.TempFail, PermError: spf.Reject}
	miltertest.TestFilter(t, filter(t, spf.Config{MailFrom: policy, ReceivedSPF: true, Relays: prefixes("203.0.113.0/24")}), miltertest.Messages(
		letter("ann@good.example"), letter("ann@bad.example"), letter("ann@broken.example"), letter("ann@wrong.example"), letter(""),
		letter("ann@bad.example", miltertest.Auth("ann")),
		miltertest.Message("Received: from client.example.org (x [192.0.2.1]) by relay with ESMTP\nAuthentication-Results: mx.example.net; spf=pass\n\nx\n",
			miltertest.From("ann@good.example"), miltertest.Client("203.0.113.9")),
	))
}
