package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// ourResults are fields that claim to be of mx.example.org, and foreignResults are not.
const (
	ourResults = "Authentication-Results: mx.example.org; dkim=pass header.d=bank.example\n" +
		"AUTHENTICATION-RESULTS:\n\tMX.example.org 1; spf=pass\n" +
		"Authentication-Results: (by us) mx.example.org; dkim=pass\n" +
		"Authentication-Results: (a (b\\) c) d)\n\t(e) mx.example.org; dkim=pass\n" +
		"Authentication-Results: \"mx.example.org\"; dkim=pass\n" +
		"Authentication-Results: \"mx.exa\\mple.org\"; dkim=pass\n" +
		"Authentication-Results : mx.example.org; dkim=pass\n" +
		"Authentication-Results: \u00a0mx.example.org; dkim=pass\n" +
		"Authentication-Results: =?utf-8?q?mx=2Eexample=2Eorg?=; dkim=pass\n" +
		"Authentication-Results: mx.example.org.; dkim=pass\n"
	foreignResults = "Authentication-Results: mx.other.example; dkim=fail header.d=mx.example.org\n" +
		"Authentication-Results: not-mx.example.org; dkim=pass\n" +
		"X-Authentication-Results: mx.example.org; dkim=pass\n"
)

func TestStripAuthResults(t *testing.T) {
	t.Parallel()
	const macro = "id: [mx.example.org, old.example.org]"
	tests := map[string]struct {
		action, header, want string
		opts                 []miltertest.MessageOption
	}{
		"a name with a dot":    {"strip_auth_results: MX.example.org.", ourResults + foreignResults, foreignResults, nil},
		"one name":             {"strip_auth_results: mx.example.org", ourResults + foreignResults, foreignResults, nil},
		"a list":               {"strip_auth_results: [old.example.org, mx.example.org]", ourResults + foreignResults, foreignResults, nil},
		"a mapping":            {"strip_auth_results: {" + macro + "}", "Authentication-Results: OLD.example.org; spf=pass\n" + ourResults + foreignResults, foreignResults, nil},
		"the name of the MTA":  {"strip_auth_results: {}", ourResults + foreignResults, foreignResults, []miltertest.MessageOption{miltertest.Macro(framework.StageConnect, "j", "mx.example.org")}},
		"from a relay":         {"strip_auth_results: {" + macro + ", relays: [192.0.2.0/24]}", ourResults, strings.ReplaceAll(ourResults, "Results :", "Results:"), []miltertest.MessageOption{miltertest.Client("192.0.2.7")}},
		"from no relay":        {"strip_auth_results: {" + macro + ", relays: 192.0.2.0/24}", ourResults, "", []miltertest.MessageOption{miltertest.Client("198.51.100.7")}},
		"behind an own field":  {"insert: {name: Authentication-Results, value: mx.example.org; none}}, {strip_auth_results: mx.example.org", ourResults, "Authentication-Results: mx.example.org; none\n", nil},
		"behind a renamed one": {"rename: {name: X-Authentication-Results, to: Authentication-Results}}, {strip_auth_results: mx.example.org", foreignResults, strings.Join(strings.SplitAfter(foreignResults, "\n")[:2], ""), nil},
		"behind a changed one": {"replace: {name: Authentication-Results, value: '{{ .Value }} (x)'}}, {strip_auth_results: mx.example.org", ourResults, "", nil},
	}
	for name, tt := range tests {
		for flavor, option := range flavors() {
			t.Run(name+" on "+flavor, func(t *testing.T) {
				t.Parallel()
				filter := parsed(t, "rules: [{do: [{"+tt.action+"}]}]")
				res := miltertest.Run(t, filter, miltertest.Message(tt.header+"\nbody\n", tt.opts...), option)
				assert.Equal(t, tt.want, headerOf(res))
			})
		}
	}
}

// TestStripAuthResultsInLanes keeps what an earlier filter of the router added, and deletes
// what such a filter only changed.
func TestStripAuthResultsInLanes(t *testing.T) {
	t.Parallel()
	spf := miltertest.FilterFunc("spf", func(r *framework.Router) error {
		results, change := authres.NewCollector(r), r.GrantChangeHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			if err := change.Change(s, framework.NthHeader("Authentication-Results", 1), "mx.example.org; dkim=pass (changed)"); err != nil {
				return framework.Continue, err
			}
			return framework.Continue, results.Write(s, "mx.example.org", authres.Result{Method: "spf", Value: "pass"})
		})
		return nil
	})
	for flavor, option := range flavors() {
		r := framework.NewRouter()
		r.Mount(spf)
		r.Mount(parsed(t, "rules: [{name: forged, do: [{strip_auth_results: mx.example.org}]}]"))
		res := miltertest.RunRouter(t, r, miltertest.Message(ourResults+foreignResults+"\nbody\n"), option)
		assert.Equal(t, "Authentication-Results: mx.example.org;\n\tspf=pass\n"+foreignResults, headerOf(res), flavor)
		line, ok := res.Logs.Find("forged results removed")
		require.True(t, ok)
		rule, _ := miltertest.LogAttr(line, "rule")
		assert.Equal(t, "forged", rule.String())
	}
}

// TestStripAuthResultsWithoutName fails if nobody says what the name of this host is: no
// forged field may pass because of that.
func TestStripAuthResultsWithoutName(t *testing.T) {
	t.Parallel()
	filter := parsed(t, "rules: [{do: [{strip_auth_results: {}}]}]")
	res := miltertest.Run(t, filter, miltertest.Message(ourResults+"\nbody\n", miltertest.Macro(framework.StageConnect, "j", "")))
	assert.Equal(t, "451", res.Reply()[:3])
	_, ok := res.Logs.Find("handler failed")
	assert.True(t, ok)
}

func TestStripAuthResultsMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{id: ''}":                              `x.yaml:2:34: rule 1: StripAuthResults: ID/1: "" is not a name of a host; write a name such as mx.example.org`,
		"{id: [a, ' . ']}":                      `x.yaml:2:38: rule 1: StripAuthResults: ID/2: " . " is not a name of a host`,
		"'*.example.org'":                       `x.yaml:2:29: rule 1: StripAuthResults: ID/1: "*.example.org" is not a name of a host; wildcards are not supported; write a list of all names`,
		"mx?.example.org":                       "wildcards are not supported",
		"'mx.example.org, b'":                   `"mx.example.org, b" is not a name of a host; write a list, as in [a.example, b.example]`,
		"mx.example.org b":                      `"mx.example.org b" is not a name of a host; write a name such as mx.example.org`,
		"mx.example.org; none":                  "write only the name that stands before the results",
		"Authentication-Results:mx.example.org": "write only the name that stands before the results",
		"'{{.Macro}}'":                          "it is not a template; without id, it is the name that the MTA sends",
		"[a, a@mx.example.org]":                 `ID/2: "a@mx.example.org" is not a name of a host`,
		"\"mx\u00a0\"":                          "is not a name of a host",
		"'\"mx.example.org\"'":                  "is not a name of a host",
		"{id: []}":                              "x.yaml:2:34: the list is empty",
		"{id: a, relays: [b]}":                  `x.yaml:2:46: rule 1: StripAuthResults: Relays/1: "b" is neither an address nor a network`,
		"{id: a, match: b}":                     `x.yaml:2:37: unknown key "match"; want id, relays`,
	} {
		cfg, err := headers.Parse("x.yaml", []byte("rules:\n- do: [{strip_auth_results: "+text+"}]\n"))
		if err == nil {
			_, err = headers.New(cfg)
		}
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want)
	}
}
