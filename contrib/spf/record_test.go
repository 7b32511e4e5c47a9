package spf_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/spf"
)

func TestCheckRecord(t *testing.T) {
	t.Parallel()
	for _, record := range []string{
		"v=spf1", "V=SPF1 ", "v=spf1 -all", "v=spf1  +A  MX/24//64 ?ptr ~all ",
		"v=spf1 a:example.org mx:example.org/24 ptr:example.org exists:%{i}._spf.%{d2} include:%{d}",
		"v=spf1 ip4:192.0.2.0/24 ip4:192.0.2.1 ip6:2001:db8::/32 ip6:::ffff:192.0.2.1/128 ip4:0.0.0.0/0",
		"v=spf1 a:foo:bar/baz.example.org a:a/24.example.org/24 a:%{h}/8 mx//0 a/0//0",
		"v=spf1 redirect=_spf.example.org. exp=explain._spf.%{d}", "v=spf1 x-y.z_1=%{c}%%%_%- match_subdomains=yes -all",
		"v=spf1 exists:%{L1R-.+,/_=}.example.org exists:x.%{d} exists:%%%_%- a:a.xn--p1ai a:a.b-c",
	} {
		assert.NoError(t, spf.CheckRecord(record), record)
	}
	for record, want := range map[string]string{
		"":                              "does not begin with v=spf1",
		"v=spf10 -all":                  "does not begin with v=spf1",
		" v=spf1":                       "does not begin with v=spf1",
		"v=spf1 -all moo":               `"moo": unknown mechanism`,
		"v=spf1 -":                      `"-": unknown mechanism`,
		"v=spf1 --all":                  "unknown mechanism",
		"v=spf1 -all:x":                 "takes no such argument",
		"v=spf1 ptr/24":                 "takes no such argument",
		"v=spf1 a24":                    "unknown mechanism",
		"v=spf1 a/24/32":                "takes no such argument",
		"v=spf1 a:example.org/24/32":    "does not end in a top-level domain",
		"v=spf1 a/33":                   "not a number from 0 to 32",
		"v=spf1 mx//129":                "not a number from 0 to 128",
		"v=spf1 ip4:192.0.2.1/032":      "not a number from 0 to 32",
		"v=spf1 a/99999999999999999999": "not a number from 0 to 32",
		"v=spf1 ip4":                    "needs an address",
		"v=spf1 ip4:192.0.2.1:25":       "not an address",
		"v=spf1 ip4:192.0.2":            "not an address",
		"v=spf1 ip4:2001:db8::1":        "not an address",
		"v=spf1 ip6:192.0.2.1":          "not an address",
		"v=spf1 ip6:fe80::1%eth0":       "not an address",
		"v=spf1 ip4:192.0.2.1/":         "not a number",
		"v=spf1 include":                "needs a domain",
		"v=spf1 include:":               "the domain is empty",
		"v=spf1 include:example.org/24": "does not end in a top-level domain",
		"v=spf1 a:192.0.2.1":            "does not end in a top-level domain",
		"v=spf1 a:museum":               "does not end in a top-level domain",
		"v=spf1 a:museum.":              "does not end in a top-level domain",
		"v=spf1 a:example.-org":         "does not end in a top-level domain",
		"v=spf1 a:%{d}org":              "does not end in a top-level domain",
		"v=spf1 redirect:example.org":   "unknown mechanism",
		"v=spf1 redirect=a.example redirect=b.example": "occurs twice",
		"v=spf1 exp=a.example EXP=b.example":           "occurs twice",
		"v=spf1 exp=":                                  "the domain is empty",
		"v=spf1 1up=x":                                 "unknown mechanism",
		"v=spf1 =x":                                    "unknown mechanism",
		"v=spf1 x=%":                                   "percent sign",
		"v=spf1 x=%a":                                  "percent sign",
		"v=spf1 exists:%{i":                            "no closing brace",
		"v=spf1 exists:%{}":                            "is not a macro",
		"v=spf1 exists:%{x}":                           "is not a macro",
		"v=spf1 exists:%{c}":                           "is not a macro",
		"v=spf1 exists:%{d0}":                          "is not a macro",
		"v=spf1 exists:%{d2r2}":                        "is not a macro",
		"v=spf1 exists:%{d!}":                          "is not a macro",
		"v=spf1 a:ex\u00e4mple.org":                    "is not allowed",
		"v=spf1 a:example.org\x00":                     "is not allowed",
		"v=spf1 a\tb":                                  "unknown mechanism",
		"v=spf1 a:" + strings.Repeat("x", 999):         "...",
	} {
		err := spf.CheckRecord(record)
		if want == "..." {
			require.Error(t, err)
			assert.Less(t, len(err.Error()), 200, "the error is short")
			continue
		}
		assert.ErrorContains(t, err, want, "%q", record)
	}
}

// TestRecordIsKeptAsText parses a record of many terms. Nothing is kept for each of them.
func TestRecordIsKeptAsText(t *testing.T) { //nolint:paralleltest // it counts allocations
	text := "v=spf1" + strings.Repeat(" a ip6:::", 3000)
	allocs := testing.AllocsPerRun(10, func() { require.NoError(t, spf.CheckRecord(text)) })
	assert.LessOrEqual(t, allocs, 2.0)
}

// FuzzCheckRecord publishes any text as a record. A text that is no record is a PermError for
// every client, and a record is none because of its grammar.
func FuzzCheckRecord(f *testing.F) {
	for _, record := range []string{
		"v=spf1 a mx -all", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ?all", "v=spf1 include:%{d2} redirect=a.example",
		"v=spf1 exists:%{l1r-}.%{i}.example.org/24//64 exp=%{d}", "v=spf1 x=%%%_%- a:foo:bar/baz.example.org",
	} {
		f.Add(record)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text, _, _ = strings.Cut(text, "\x00") // without more strings of a TXT record
		if len(text) > 250 || !strings.HasPrefix(text, "v=spf1 ") {
			_ = spf.CheckRecord(text)
			return
		}
		z := make(zone)
		z.txt("example.org", text)
		r := spf.Check(t.Context(), z.serve(t), spf.Query{
			IP: netip.MustParseAddr("192.0.2.1"), Helo: "client.example.com", MailFrom: "ann@example.org",
		}).MailFrom
		if wrong := spf.CheckRecord(text); wrong != nil {
			require.Equal(t, spf.PermError, r.Status, "%s: %+v", wrong, r)
			require.Contains(t, r.Reason, "record of example.org")
			return
		}
		require.NotContains(t, r.Reason, "record of example.org")
		require.Contains(t, []spf.Status{spf.Neutral, spf.Pass, spf.Fail, spf.SoftFail, spf.PermError}, r.Status)
		for _, text := range []string{r.Reason, r.Mechanism, r.Explanation} {
			require.Equal(t, -1, strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }), "%q", text)
		}
	})
}
