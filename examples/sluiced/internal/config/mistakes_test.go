package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each mistake has its place, and all of them are reported together.
func TestMistakes(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	filters := func(one string) string { return "filters:\n- " + one + "\n" }
	for name, c := range map[string]struct {
		text string
		want []string // lines without the file's path
	}{
		"empty":            {"", []string{"1:1: the file is empty"}},
		"not YAML":         {"filters: [\n", []string{"2:1: "}},
		"unknown":          {"filter: []\n", []string{`1:1: unknown setting "filter" (did you mean filters?)`}},
		"twice":            {"metrics: ':1'\nmetrics: ':2'\n", []string{`2:1: mapping key "metrics" already defined at line 1`}},
		"listen":           {"listen: [9000]\n", []string{"1:10: want inet:PORT@HOST"}},
		"metrics":          {"metrics: 9090\n", []string{`1:10: metrics "9090": want an address and a port`}},
		"log":              {"log: {level: loud, format: xml}\n", []string{"1:14: want debug, info, warn or error", "1:28: want text or json"}},
		"inspect":          {"inspect: {contents: x, content: some}\n", []string{`1:11: unknown setting "contents" (did you mean content?)`, "1:33: want none, header or all"}},
		"inspect for all":  {"inspect: {address: ':80'}\n", []string{"1:20: it is not a loopback address"}},
		"dns":              {"dns: {server: x}\n", []string{`1:7: unknown setting "server" (did you mean servers?)`}},
		"dns servers":      {"dns: {servers: ['127.0.0.1']}\n", []string{"1:17: "}},
		"dns ttl":          {"dns: {min_ttl: 2h, max_ttl: 1h}\n", []string{"1:6: "}},
		"limits":           {"limits: {max_sesions: 1, memory_budget: much}\n", []string{`1:10: unknown setting "max_sesions" (did you mean max_sessions?)`, "1:41: want a size"}},
		"over limit":       {"limits: {over_limit: go away}\n", []string{"1:22: want tempfail, reject, or a reply such as 451"}},
		"reply":            {"limits: {over_limit: 450 5.7.1 no}\n", []string{"1:22: the reply is not valid: "}},
		"middleware":       {"middleware: {}\n", []string{"1:13: want a list of middleware"}},
		"no middleware":    {"middleware: [logging]\n", []string{`1:14: unknown setting "logging"`}},
		"two in one":       {"middleware: [{logger: {}, recover: {}}]\n", []string{"1:14: want one middleware in each item"}},
		"log field":        {"middleware: [{logger: {fields: [color]}}]\n", []string{"1:33: want client, helo, sender"}},
		"rate":             {"middleware: [{rate_limit: {rate: many, by: client}}]\n", []string{"1:34: want a rate such as 100/1h"}},
		"period":           {"middleware: [{rate_limit: {rate: 5/1x, by: client}}]\n", []string{"1:34: want a period such as 1h, not \"1x\""}},
		"rate of nothing":  {"middleware: [{rate_limit: {by: client}}]\n", []string{"1:14: rate_limit needs a rate, such as rate: 100/1h"}},
		"key":              {"middleware: [{rate_limit: {rate: 5/1h, by: name}}]\n", []string{"1:44: want client, sender, sender_domain"}},
		"no key":           {"middleware: [{rate_limit: {rate: 5/1h}}]\n", []string{"1:14: rate_limit needs to know what it counts, such as by: client"}},
		"throttle":         {"middleware: [throttle]\n", []string{"1:14: throttle needs max"}},
		"stage":            {"middleware: [{timeout: {stages: {eom: 1s}}}]\n", []string{"1:34: want connect, helo, mail"}},
		"sample":           {"middleware: [{sample: 2}]\n", []string{"1:23: want a share between 0 and 1"}},
		"no share":         {"middleware: [{sample: some}]\n", []string{"1:23: want a share such as 0.1"}},
		"macro":            {"middleware: [{macros: {names: [nothing]}}]\n", []string{"1:14: middleware.Macros: "}},
		"filters":          {"filters: {}\n", []string{"1:10: want a list of filters"}},
		"no filter":        {filters("{name: x}"), []string{"2:3: want one of authenticate, headers, sign and remote"}},
		"two filters":      {filters("{headers: {rules: []}, remote: {}}"), []string{"2:3: want one filter in each item of the list, not headers and remote"}},
		"nothing":          {"filters:\n-\nmiddleware:\n-\n- rate_limit:\n- max_messages:\n- timeout:\n- macros:\n", []string{"4:2: want one middleware", "5:3: rate_limit needs a rate", "5:3: rate_limit needs to know", "6:3: max_messages needs max", "7:3: timeout needs event", "8:3: macros needs names", "2:2: want one of authenticate"}},
		"itself":           {"filters:\n- headers: {rules: []}\n  when: &w {not: *w}\n", []string{"3:9: anchors and aliases are not allowed"}},
		"unknown filter":   {filters("header: {rules: []}"), []string{`2:3: unknown setting "header" (did you mean headers?)`}},
		"name":             {filters("{name: 'a b', headers: {rules: []}}"), []string{"2:10: want a name of letters"}},
		"fail":             {filters("{fail: softly, headers: {rules: []}}"), []string{"2:10: want closed, open, or a reply"}},
		"when":             {filters("{when: {}, headers: {rules: []}}"), []string{"2:10: want at least one of clients"}},
		"when what":        {filters("{when: {client: x}, headers: {rules: []}}"), []string{`2:11: unknown setting "client" (did you mean clients?)`}},
		"same name":        {"filters:\n- headers: {rules: []}\n- headers: {rules: []}\n", []string{"3:3: the filter in line 2 is called headers, too"}},
		"two authenticate": {"filters:\n- authenticate: {}\n- {name: b, authenticate: {}}\n", []string{"3:3: authenticate is in line 2 already"}},
		"rules":            {filters("headers:\n    rules:\n    - do: [delete: 'a b']\n    - does: []"), []string{`5:7: unknown key "does"`}},
		"rules that fail":  {filters("headers:\n    rules:\n    - do: [delete: 'a b']"), []string{"4:20: rule 1: Delete: Name: "}},
		"rules file":       {filters("headers: {file: rules.yaml, rules: []}"), []string{"2:12: file names the file that has the rules and macros"}},
		"no rules file":    {filters("headers: {file: none.yaml}"), []string{"2:19: open " + dir + "/none.yaml: "}},
		"spf":              {filters("authenticate: {spf: {mailfrom: {fail: shout}}, dkim: no}"), []string{"2:41: want accept, tempfail or reject", "2:56: want off, or the settings of the method"}},
		"dmarc":            {filters("authenticate: {dmarc: {reject: drop, forwarders: [{authors: [a.example]}]}}"), []string{"2:34: want accept, addfield, hold, tempfail or reject"}},
		"dmarc forwarder":  {filters("authenticate: {dmarc: {field: 'a b', forwarders: [{authors: [a.example]}], trusted_sealers: ['a b']}}"), []string{"2:33: ", "2:53: a forwarder needs networks or domains", `2:96: "a b" is not a domain`}},
		"dkim":             {filters("authenticate: {dkim: {min_bits: 5}}"), []string{"2:35: "}},
		"methods":          {filters("authenticate: {spf: off, dkim: off}"), []string{"2:17: "}},
		"seal":             {filters("authenticate: {arc: {seal: {domain: a.example}}}"), []string{"2:30: seal needs a domain, a selector and a file"}},
		"seal key":         {filters("authenticate: {arc: {seal: {domain: a.example, selector: s, file: none.pem}}}"), []string{"2:69: dkim: open " + dir + "/none.pem"}},
		"seal ed25519":     {filters("authenticate: {arc: {seal: {domain: a.example, selector: s, file: ed.pem}}}"), []string{"2:30: arc: "}},
		"sign":             {filters("sign: {keys: [{name: a, domain: a.example, selector: s, file: none.pem}], rules: [{senders: [a.example], keys: [b]}]}"), []string{"2:65: dkim: open " + dir + "/none.pem", `2:115: unknown key "b"`}},
		"remote":           {filters("remote: {}"), []string{"2:11: addresses is missing"}},
		"remote address":   {filters("remote: {addresses: ['127.0.0.1:8891', x], if_away: wait}"), []string{"2:55: want stop or start"}},
		"remote addresses": {filters("remote: {addresses: ['127.0.0.1:8891', 'inet:x']}"), []string{"2:24: want an address such as", "2:42: want an address such as"}},
		"remote shadow":    {filters("remote: {addresses: ['inet:1@127.0.0.1'], version: 9, shadow: {of: remote}}"), []string{"2:11: remote: Version", "2:11: remote: Shadow.Of"}},
		"several": {
			"metrics: nine\nlog: {level: x}\nlimits: {max_headers: 0}\nmiddleware: [{sample: 5}]\nfilters:\n- headers: {rules: [{do: [delete: 'a b']}]}\n- header: {}\n- sign: {keys: [{name: a}]}\n- authenticate: {spf: {helo: {fail: x}}}\n",
			[]string{"1:10: ", "2:14: ", "3:23: ", "4:23: ", "6:35: ", "7:3: ", "8:24: a key needs", "9:37: "},
		},
	} {
		_, err := parse(dir, c.text)
		require.Error(t, err, name)
		lines := strings.Split(err.Error(), "\n")
		for _, want := range c.want {
			found := false
			for _, line := range lines {
				found = found || strings.HasPrefix(line, dir+"/x.yaml:"+want)
			}
			assert.True(t, found, "%s: no line begins with %q:\n%v", name, want, err)
		}
		if name != "several" {
			assert.Len(t, lines, len(c.want), "%s: %v", name, err)
		}
	}
}

// A mistake in a file that the file names has its place in that one.
func TestMistakesInRulesFile(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	_, err := parse(dir, "filters: [{headers: {file: bad.yaml}}]\n")
	require.ErrorContains(t, err, dir+"/bad.yaml:1:23: rule 1: Delete: Name: ")
	_, err = parse(dir, "filters: [{headers: {file: none.yaml}}]\n")
	require.ErrorContains(t, err, "none.yaml: no such file")
}

// An order that makes no sense is a warning.
func TestOrderWarnings(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	const (
		edit   = "- headers: {rules: [{do: [{add: {name: X, value: '1'}}]}]}\n"
		refuse = "- headers: {rules: [{when: {present: X}, do: [{reject: no}]}]}\n"
		sign   = "- sign: {keys: [{name: a, domain: example.org, selector: s1, file: key.pem}], rules: [{senders: [example.org], keys: [a]}]}\n"
		auth   = "- authenticate: {}\n"
		remote = "- remote: {addresses: ['inet:1@127.0.0.1']}\n"
		shadow = "- remote: {addresses: ['inet:1@127.0.0.1'], shadow: {of: sign}}\n"
		dry    = "- {dry_run: true, headers: {rules: [{do: [{add: {name: X, value: '1'}}]}]}}\n"
	)
	for name, c := range map[string]struct {
		filters string
		want    []string
	}{
		"sensible":               {auth + edit + sign, nil},
		"sign before edit":       {auth + sign + edit, []string{"3:3: warning: sign comes before headers (line 4), which may edit the message"}},
		"sign before remote":     {sign + remote, []string{"2:3: warning: sign comes before remote (line 3)"}},
		"sign before refusals":   {sign + refuse, nil},
		"a shadow edits nothing": {shadow + sign, nil},
		"a dry run, too":         {sign + dry, nil},
		"edit before auth":       {edit + auth, []string{"3:3: warning: authenticate comes after headers (line 2), which may edit the message"}},
		"sign before auth":       {sign + auth, []string{"3:3: warning: authenticate comes after sign (line 2)"}},
	} {
		s := must(t, dir, "filters:\n"+c.filters)
		require.Len(t, s.Warnings, len(c.want), name)
		for i, want := range c.want {
			assert.ErrorContains(t, s.Warnings[i], dir+"/x.yaml:"+want, name)
		}
	}
	s := must(t, dir, "filters:\n- sign: {}\n")
	require.Len(t, s.Warnings, 1)
	require.ErrorContains(t, s.Warnings[0], dir+"/x.yaml:2:9: warning: no rules, so nothing is signed")
	s = must(t, dir, "filters:\n- headers: {rules: [{do: [{reject: a}]}, {do: [{reject: b}]}]}\n")
	require.Len(t, s.Warnings, 1)
	require.ErrorContains(t, s.Warnings[0], dir+"/x.yaml:2:42: warning: rule 2: no message reaches this rule")
	s = must(t, dir, "filters:\n- sign: {keys: [{name: a, domain: example.org, selector: s1, file: key.pem}, {name: b, domain: example.org, selector: s1, file: key.pem}], rules: [{senders: [example.org], keys: [a]}]}\n")
	require.Len(t, s.Warnings, 1)
	assert.ErrorContains(t, s.Warnings[0], `no rule names the key "b"`)
}
