package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	main "github.com/sluicemail/sluice/examples/dkimd"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// expand replaces the names of files in a configuration with their paths.
func expand(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }

const whole = `
mode: both
dry_run: false
metrics: 127.0.0.1:9090
authserv_id: mx.example.org
also_remove: [old.example.org]
relays: [192.0.2.5, "2001:db8::/32"]
trust:
  networks: [127.0.0.0/8, 10.0.0.0/8]
  except: [10.0.0.1]
  hosts_file: HOSTS
  authenticated: true
  own_domain: true
  macros:
    "{daemon_name}": [ORIGINATING]
keys:
  - {name: one, domain: example.org, selector: s1, file: KEY}
  - {name: next, domain: example.org, selector: s2, file: KEY, since: 2027-01-01, until: 2028-01-01T00:00:00Z, identity: domain}
  - {name: any, domain: "%", selector: s3, file: KEY, identity: "postmaster@example.org"}
signing:
  rules:
    - senders: [example.org, .example.org]
      keys: [one, next]
    - senders: ["*@example.com"]
      keys: [any]
      third_party: true
  all_rules: false
  opendkim:
    key_table: file:KEYTABLE
    signing_table: refile:SIGNINGTABLE
  except_recipients: [list@example.net, .internal.example]
  headers: [From, Subject, Date]
  oversign: [From]
  canonicalization: relaxed/simple
  lifetime: 168h
  timestamp: true
  check_dns: true
verifying:
  timeout: 8s
  max_signatures: 5
  min_bits: 1024
  body_length: refuse
  skew: 1m
  policies:
    "*": {fail: accept}
    bank.example: {unsigned: reject, fail: quarantine, temperror: tempfail}
dns:
  servers: ["127.0.0.1:53", "[::1]:53"]
  timeout: 2s
  min_ttl: 5s
  max_ttl: 10m
  max_negative: 1m
  failure: 5s
  max_names: 1000
  max_bytes: 1000000
  max_lookups: 10
  max_per_domain: 5
  max_waiting: 100
  give_way: 1s
`

func TestWholeConfiguration(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, "ed25519", "example.org", "s1")
	config := write(t, "dkimd.yaml", expand(whole, "HOSTS", write(t, "TrustedHosts", "192.0.2.0/24\n"), "KEYTABLE", write(t, "KeyTable", "k example.net:s4:"+key+"\n"),
		"SIGNINGTABLE", write(t, "SigningTable", "*@example.net k\n"), "KEY", key))
	assert.Equal(t, config+": ok, mode both, 3 signing rules\n", must(t, "-config", config, "-check"))
}

func TestSmallConfiguration(t *testing.T) {
	t.Parallel()
	config := write(t, "dkimd.yaml", "mode: verify\n")
	assert.Contains(t, must(t, "-check", "-config", config), "ok, mode verify, 0 signing rules")
	assert.Contains(t, must(t, "-listen", "inet:1@127.0.0.1", "-log-format", "json", "-config", config, "-check"), "ok")
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, "ed25519", "example.org", "s1")
	open, _ := newKey(t, "ed25519", "example.org", "s1")
	require.NoError(t, os.Chmod(open, 0o640))
	tests := map[string]struct {
		text string
		want []string // after the file's name
	}{
		"empty":                {"", []string{":1:1: the file is empty"}},
		"unknown setting":      {"mode: both\nmodus: both\n", []string{`:2:1: unknown setting "modus"`}},
		"unknown below":        {"dns:\n  server: x\n", []string{`:2:3: unknown setting "server"`}},
		"a setting twice":      {"mode: both\nmode: sign\n", []string{`:2:1: mapping key "mode" already defined at line 1`}},
		"not YAML":             {"mode: [\n", []string{":2:1: "}},
		"a list for a text":    {"mode: [a]\n", []string{":1:7: want a text, not a list"}},
		"unknown mode":         {"mode: all\n", []string{":1:7: mode: want both, sign or verify"}},
		"odd network":          {"trust:\n  networks: [10.0.0.0/8, mail.example.org]\n", []string{":2:26: want an address or a network"}},
		"odd metrics":          {"metrics: 9090\n", []string{`:1:10: metrics "9090": want an address and a port`}},
		"odd duration":         {"dns:\n  timeout: soon\n", []string{":2:12: want a duration"}},
		"no duration":          {"dns: {timeout: 0s}\n", []string{":1:16: want a duration"}},
		"odd date":             {"keys:\n- {name: a, since: tomorrow}\n", []string{":2:20: want a date"}},
		"odd action":           {"verifying: {policies: {a.example: {fail: shout}}}\n", []string{":1:42: want accept, quarantine, tempfail or reject"}},
		"odd body length":      {"verifying: {body_length: some}\n", []string{":1:26: want exact, refuse or accept"}},
		"odd canonicalization": {"signing: {canonicalization: nofws}\n", []string{":1:29: want simple or relaxed"}},
		"several":              {"modus: x\ndns: {timeout: soon}\n", []string{":1:1: ", ":2:16: "}},
		"no such key":          {"signing:\n  rules:\n  - senders: [a.example]\n    keys: [main]\n", []string{`:4:12: unknown key "main"`}},
		"no such file":         {"keys:\n- {name: a, domain: a.example, selector: s, file: /nonexistent}\n", []string{":2:51: dkim: open /nonexistent"}},
		"a key all can read":   {"keys:\n- {name: a, domain: a.example, selector: s, file: OPEN}\n", []string{":2:51: dkim: OPEN: the group or other users"}},
		"a key incomplete":     {"keys:\n- {name: a, file: KEY}\n", []string{":2:10: a key needs a domain"}},
		"a key without a name": {"keys:\n- {domain: a.example, selector: s, file: KEY}\n", []string{":2:12: a key's name"}},
		"a key twice":          {"keys:\n- {name: a, domain: a.example, selector: s, file: KEY}\n- {name: a, domain: a.example, selector: s, file: KEY}\n", []string{":3:10: a key's name"}},
		"odd domain":           {"keys:\n- {name: a, domain: a_, selector: s s, file: KEY}\n", []string{`:2:21: dkim: "s s" is not a selector`}},
		"a whole selector":     {"keys:\n- {name: a, domain: a.example, selector: s._domainkey, file: KEY}\n", []string{`:2:21: dkim: "s._domainkey" is not a selector; write it without _domainkey`}},
		"another's key":        {"keys:\n- {name: a, domain: a.example, selector: s, file: KEY}\nsigning: {rules: [{senders: [b.example], keys: [a]}]}\n", []string{":3:49: the key of a.example signs for none of the rule's senders"}},
		"a pattern for hosts":  {"also_remove: [\"*.example.org\"]\n", []string{`:1:15: dkim: configuration: "*.example.org" is not a name of a host: an asterisk matches only itself`}},
		"half a table":         {"signing: {opendkim: {key_table: /x}}\n", []string{":1:33: key_table needs signing_table"}},
		"no such table":        {"signing: {opendkim: {key_table: /nonexistent, signing_table: /x}}\n", []string{":1:33: open /nonexistent"}},
		"no such hosts":        {"trust: {hosts_file: /nonexistent}\n", []string{":1:21: open /nonexistent"}},
		"odd name server":      {"dns: {servers: [\"[::1]:53\", localhost]}\n", []string{`:1:29: resolver: name server "localhost": want an address and a port`}},
		"a port too high":      {"dns:\n  servers:\n  - 127.0.0.1:999999\n", []string{`:3:5: resolver: name server "127.0.0.1:999999": want an address and a port`}},
		"two odd servers":      {"dns: {servers: [a, \"b:0\"]}\n", []string{`:1:17: resolver: name server "a"`, `:1:20: resolver: name server "b:0"`}},
		"no name servers":      {"dns: {servers: []}\n", []string{":1:16: want a list of name servers"}},
		"a name server alone":  {"dns: {servers: \"127.0.0.1:53\"}\n", []string{":1:16: want a list of name servers"}},
		"negative limit":       {"dns: {max_bytes: -1}\n", []string{":1:18: want a number of 1 or more"}},
		"a limit of nothing":   {"dns: {max_waiting: 0, max_per_domain: x}\n", []string{":1:20: want a number of 1 or more", ":1:39: want a number of 1 or more"}},
		"TTLs out of turn":     {"dns:\n  max_ttl: 1s\n  min_ttl: 1m\n", []string{":3:12: resolver: MinTTL is greater than MaxTTL"}},
		"odd TTL":              {"dns: {min_ttl: soon}\n", []string{":1:16: want a duration"}},
		"a signed field":       {"signing: {headers: [From, Received]}\n", []string{`:1:27: dkim: configuration: the header field "Received" must not be signed`}},
		"an odd sender":        {"signing:\n  rules:\n  - senders: [a.example, \"<*@example.com>\"]\n    keys: []\n", []string{`:3:26: "<*@example.com>" matches no address: the character '<'; write "*@example.com"`}},
		"a space in a sender":  {"signing: {rules: [{senders: [\"*@exa mple.com\"], keys: []}]}\n", []string{`:1:30: "*@exa mple.com" matches no address: the character ' ' in the domain`}},
		"a dot after a sender": {"mode: verify\nsigning: {rules: [{senders: [example.com.], keys: []}]}\n", []string{`:2:30: "example.com." matches no address: an empty label or a dot at the end; write "example.com"`}},
		"an odd recipient":     {"signing: {except_recipients: [a.example, example.com.]}\n", []string{`:1:42: "example.com." matches no address`}},
		"no sender":            {"signing: {rules: [{senders: [], keys: []}]}\n", []string{":1:29: dkim: configuration: the rule has no sender or no key"}},
		"an empty list":        {"trust:\n  macros: {\"{a}\": []}\n", []string{`:2:19: the macro "{a}" has an empty list of values, which no message matches; leave the list out to match any value`}},
		"an empty value":       {"trust: {macros: {a: [b, \"\"]}}\n", []string{`:1:21: the macro "a" has an empty value`}},
		"a value alone":        {"trust: {macros: {a: b}}\n", []string{":1:21: want a list of values such as [ORIGINATING], or nothing for any value"}},
		"no name of a macro":   {"trust: {macros: {\"{a b}\": [c]}}\n", []string{`:1:27: "{a b}" is not the name of a macro`}},
		"a mark alone":         {"\ufeff\n", []string{":1:1: the file is empty"}},
		"a mistake in line 1":  {"\ufeffmodus: both\n", []string{`:1:1: unknown setting "modus"`}},
		"hosts with a name":    {"trust: {hosts_file: \"127.0.0.1, .example.org\"}\n", []string{`:1:21: list:1:12: ".example.org": want an address or a network; host names are not supported`}},
		"a table in LDAP":      {"signing: {opendkim: {key_table: \"ldap://x\", signing_table: /x}}\n", []string{":1:33: \"ldap://x\": tables of the kind ldap: are not supported"}},
		"a policy for none":    {"verifying: {policies: {\"a b\": {fail: reject}}}\n", []string{`:1:24: dkim: configuration: a policy for "a b"`}},
		"weak keys":            {"verifying: {min_bits: 512}\n", []string{":1:23: dkim: configuration: the minimum size of RSA keys"}},
		"an oversigned field":  {"signing:\n  oversign: [From, \"a b\"]\n", []string{`:2:20: dkim: configuration: "a b" is not a valid header field name`}},
		"two odd fields":       {"signing:\n  headers: [\"\", Bcc]\n", []string{`:2:13: dkim: configuration: the name of a header field is empty`, `:2:17: dkim: configuration: the header field "Bcc"`}},
		"a policy below":       {"verifying:\n  policies:\n    good.example: {fail: reject}\n    bad_.example/x: {fail: reject}\n", []string{`:4:5: dkim: configuration: a policy for "bad_.example/x"`}},
		"unknown in a policy":  {"verifying:\n  policies:\n    good.example: {fial: reject}\n", []string{`:3:20: unknown setting "fial"`}},
		"unknown in a rule":    {"signing: {rules: [{sender: x}]}\n", []string{`:1:20: unknown setting "sender"`}},
		"a policy twice":       {"verifying: {policies: {a.example: {fail: reject}, A.example: {fail: accept}}}\n", []string{`: dkim: configuration: two policies for "a.example"`}},
		"a short lifetime":     {"signing: {lifetime: 1ms}\n", []string{":1:21: dkim: configuration: the lifetime is negative or less than a second"}},
		"negative signatures":  {"verifying: {max_signatures: -1}\n", []string{":1:29: dkim: configuration: the maximum number of signatures"}},
		"an odd name of ours":  {"authserv_id: \"a\\nb\"\n", []string{":1:14: dkim: configuration: "}},
		"no time":              {"keys:\n- {name: a, domain: a.example, selector: s, file: KEY, since: 2027-01-01, until: 2026-01-01}\n", []string{":2:10: dkim: configuration: "}},
		"many in a table":      {"mode: sign\nsigning: {opendkim: {key_table: \"csl:a=x,b=y\", signing_table: \"csl:q=a\"}}\n", []string{":2:33: list:1:7: want DOMAIN:SELECTOR:KEY", ":2:33: list:1:11: want DOMAIN:SELECTOR:KEY"}},
		"an endless file":      {"dns: {records: /dev/zero}\n", []string{":1:16: /dev/zero: not a regular file: it is a device"}},
		"two documents":        {"mode: sign\n---\nmode: verify\n", []string{":1:1: expected single document, found multiple"}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := write(t, "dkimd.yaml", expand(c.text, "KEY", key, "OPEN", open))
			for _, args := range [][]string{{"-config", config, "-check"}, {"-config", config, "-explain", "text"}} {
				status, stdout, stderr := run(t, args...)
				assert.Equal(t, 1, status)
				assert.Empty(t, stdout)
				for line := range strings.Lines(stderr) {
					assert.Contains(t, line, "dkimd: "+config+":")
				}
				for _, want := range c.want {
					assert.Contains(t, stderr, config+expand(want, "OPEN", open))
				}
			}
		})
	}
}

// TestUnusedKeys shows that -check warns of keys that no rule names.
func TestUnusedKeys(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, "ed25519", "example.org", "s1")
	config := write(t, "dkimd.yaml", "keys:\n- {name: a, domain: example.org, selector: s1, file: "+key+"}\n- {name: b, domain: example.org, selector: s2, file: "+key+"}\n"+
		"signing: {rules: [{senders: [example.org], keys: [a]}]}\n")
	status, stdout, stderr := run(t, "-config", config, "-check")
	assert.Zero(t, status)
	assert.Contains(t, stdout, ": ok, mode both, 1 signing rules")
	assert.Equal(t, 1, strings.Count(stderr, "level=WARN"), stderr)
	assert.Contains(t, stderr, config+`:3:10: no rule names the key \"b\", so it signs nothing`)
}

func TestAllowReadable(t *testing.T) {
	t.Parallel()
	open, _ := newKey(t, "ed25519", "example.org", "s1")
	require.NoError(t, os.Chmod(open, 0o644))
	config := write(t, "dkimd.yaml", "keys:\n- {name: a, domain: a.example, selector: s, file: "+open+", allow_readable: true}\nsigning: {rules: [{senders: [a.example], keys: [a]}]}\n")
	must(t, "-config", config, "-check")
	status, _, stderr := run(t, "sign", "-domain", "a.example", "-selector", "s", "-key", open, write(t, "m", letter))
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "the group or other users")
	must(t, "sign", "-allow-readable", "-domain", "a.example", "-selector", "s", "-key", open, write(t, "m", letter))
}

func TestTestkeyOfAConfiguration(t *testing.T) {
	t.Parallel()
	key, records := newKey(t, "ed25519", "example.org", "s1")
	config := func(selector string) string {
		return write(t, "dkimd.yaml", "keys:\n- {name: a, domain: example.org, selector: "+selector+", file: "+key+"}\n"+
			"signing: {rules: [{senders: [example.org], keys: [a]}]}\ndns: {records: "+records+"}\n")
	}
	assert.Contains(t, must(t, "testkey", "-config", config("s1")), "the key is the same")
	status, _, stderr := run(t, "testkey", "-config", config("s2"))
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "s2._domainkey.example.org: dkim: no key record")
}

// TestTrustInNobody shows that an empty list of networks trusts no client. The
// default, without the list, trusts this host.
func TestTrustInNobody(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, "ed25519", "example.org", "s1")
	tests := map[string]struct {
		trust  string
		signed bool
	}{
		"default":       {"", true},
		"this host":     {"trust: {networks: [127.0.0.1]}\n", true},
		"no network":    {"trust: {networks: []}\n", false},
		"no hosts":      {"trust: {hosts_file: " + write(t, "TrustedHosts", "# nobody\n") + "}\n", false},
		"hosts, except": {"trust: {hosts_file: " + write(t, "TrustedHosts", "127.0.0.0/8\n!127.0.0.1\n") + "}\n", false},
		"not by login":  {"trust: {networks: [192.0.2.1], authenticated: false}\n", false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := main.NewFilter("dkimd.yaml", []byte(c.trust+"mode: sign\nkeys: [{name: a, domain: example.org, selector: s, file: "+key+"}]\n"+
				"signing: {rules: [{senders: [example.org], keys: [a]}]}\n"))
			require.NoError(t, err)
			res := miltertest.Run(t, f, miltertest.Message("From: ann@example.org\n\nx\n", miltertest.Client("127.0.0.1")))
			assert.Equal(t, c.signed, res.Header("DKIM-Signature") != "")
		})
	}
}

// TestMarkedFiles reads files that begin with a byte order mark and have the
// line ends of Windows.
func TestMarkedFiles(t *testing.T) {
	t.Parallel()
	key, records := newKey(t, "ed25519", "example.org", "s1")
	mark := func(path string) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, []byte("\ufeff"+strings.ReplaceAll(strings.TrimPrefix(string(text), "# ours\n"), "\n", "\r\n")), 0o600))
	}
	config := write(t, "dkimd.yaml", "keys: [{name: a, domain: example.org, selector: s1, file: "+key+"}]\n"+
		"signing: {rules: [{senders: [example.org], keys: [a]}]}\ndns: {records: "+records+"}\n")
	for _, path := range []string{key, records, config} {
		mark(path)
	}
	assert.Contains(t, must(t, "testkey", "-config", config), "the key is the same")
}

// TestMacroWithoutValues shows that a macro without a list may have any value.
func TestMacroWithoutValues(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, "ed25519", "example.org", "s1")
	f, err := main.NewFilter("dkimd.yaml", []byte("trust: {networks: [], macros: {\"{any}\": , some: [a, b]}}\nmode: sign\n"+
		"keys: [{name: a, domain: example.org, selector: s, file: "+key+"}]\nsigning: {rules: [{senders: [example.org], keys: [a]}]}\n"))
	require.NoError(t, err)
	for macro, signed := range map[string]bool{"any=x": true, "any=": false, "some=a": true, "some=c": false, "other=x": false} {
		name, value, _ := strings.Cut(macro, "=")
		res := miltertest.Run(t, f, miltertest.Message("From: ann@example.org\n\nx\n", miltertest.Macro(framework.StageMail, name, value)))
		assert.Equal(t, signed, res.Header("DKIM-Signature") != "", macro)
	}
}

// TestInternationalDomain shows that a domain may be configured in Unicode, and
// that its key is looked up in the ASCII form.
func TestInternationalDomain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.pem")
	line := must(t, "keygen", "-domain", "bücher.example", "-selector", "s1", "-type", "ed25519", "-out", path)
	m := zoneLine.FindStringSubmatch(line)
	require.NotNil(t, m, line)
	assert.Equal(t, "s1._domainkey.xn--bcher-kva.example", m[1])
	records := write(t, "records", m[1]+" "+strings.Trim(m[2], "\" ")+"\n")
	assert.Contains(t, must(t, "testkey", "-domain", "BÜCHER.example", "-selector", "s1", "-key", path, "-records", records), "the key is the same")
	config := write(t, "dkimd.yaml", "keys: [{name: a, domain: bücher.example, selector: s1, file: "+path+"}]\n"+
		"signing: {rules: [{senders: [bücher.example], keys: [a]}]}\ndns: {records: "+records+"}\n")
	assert.Contains(t, must(t, "testkey", "-config", config), m[1]+": ed25519, 256 bits, published, and the key is the same\n")
	signed := must(t, "sign", "-domain", "bücher.example", "-selector", "s1", "-key", path, write(t, "letter.eml", letter))
	assert.Equal(t, "pass d=xn--bcher-kva.example s=s1 a=ed25519-sha256 bits=256\n", must(t, "verify", "-records", records, write(t, "m.eml", signed)))
}

// TestExplain compares what the filter asks of the mail server with golden
// files.
func TestExplain(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			got := must(t, "-config", filepath.Join("testdata", "explain.yaml"), "-explain", format)
			golden := filepath.Join("testdata", "explain."+format)
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(whole)
	f.Add("mode: [\n")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := main.NewFilter("dkimd.yaml", []byte(text)); err != nil {
			require.Contains(t, err.Error(), "dkimd.yaml")
		}
	})
}
