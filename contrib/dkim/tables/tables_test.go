package tables_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dkim/tables"
)

// write writes a file and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// newKey writes a new key file and returns its path.
func newKey(t testing.TB) string {
	t.Helper()
	key, err := dkim.GenerateKey("ed25519", 0)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, dkim.SaveKey(path, key))
	return path
}

// sign signs a message from an address with the keys of the tables. It returns
// the selectors of the signatures, with their identities if they have any.
func sign(t *testing.T, cfg dkim.Signing, from string) string {
	t.Helper()
	fields, err := dkim.Sign(cfg, strings.NewReader("From: "+from+"\r\n\r\nx\r\n"))
	if err != nil {
		require.ErrorIs(t, err, dkim.ErrNotSigned)
		return "-"
	}
	var found []string
	for _, f := range fields {
		what := ""
		for tag := range strings.SplitSeq(strings.ReplaceAll(f, "\r\n\t", " "), ";") {
			if tag = strings.TrimSpace(tag); strings.HasPrefix(tag, "s=") || strings.HasPrefix(tag, "i=") {
				what += tag[2:]
			}
		}
		found = append(found, what)
	}
	return strings.Join(found, " ")
}

func TestSigningTables(t *testing.T) {
	t.Parallel()
	pem := newKey(t)
	keyTable := write(t, "KeyTable", "# name   domain:selector:key\n"+
		"one  example.org:s1:"+pem+"   # the main key\n\n"+
		"two\t \texample.org:s2:"+pem+"\n"+
		"any %:s3:"+pem+"\n"+
		"example.com example.com:s4:"+pem+"\na.example.com a.example.com:s5:"+pem+"\n")
	tests := map[string]struct {
		kind, table string
		all         bool
		want        map[string]string // address: selectors
	}{
		"plain": {"file:", "example.org one\n.example.org two\nboss@example.org any\nann@* any\n", false, map[string]string{
			"x@example.org": "s1", "x@a.example.org": "s2", "x@b.a.example.org": "s2", "Boss@Example.org": "s3",
			"ann@example.org": "s1", "ann@example.net": "s3", "x@example.net": "-", "x@notexample.org": "-",
		}},
		"plain, the order does not matter": {"file:", "* any\n.org any\n.example.org two\nann@.example.org one\nexample.org one\n", false, map[string]string{
			"x@example.org": "s1", "ann@a.example.org": "s1", "x@a.example.org": "s2", "x@other.org": "s3", "x@example.net": "s3",
		}},
		"wildcards": {"refile:", "*@example.org one\n*@*.example.org two\nann@* any\n", false, map[string]string{
			"x@example.org": "s1", "x@a.example.org": "s2", "ann@example.net": "s3", "joann@example.net": "-",
		}},
		"wildcards, the first":        {"refile:", "* any\n*@example.org one\n", false, map[string]string{"x@example.org": "s3"}},
		"wildcards, all":              {"refile:", "*@example.org one\nann@* any\n*@example.org two\n", true, map[string]string{"ann@example.org": "s1 s3 s2", "x@example.org": "s1 s2"}},
		"identity":                    {"file:", "example.org one:ann@a.example.org\n.example.org two:@%\n", false, map[string]string{"x@example.org": "s1ann@a.example.org", "x@a.example.org": "s2@a.example.org"}},
		"identity elsewhere":          {"file:", "example.org one:ann@example.net\n", false, map[string]string{"x@example.org": "s1"}},
		"a key by the domain":         {"refile:", "* %\n", false, map[string]string{"x@example.com": "s4", "x@example.org": "-"}},
		"a key by the domain, of one": {"refile:", "*@example.com %\n*@*.example.com %\n", false, map[string]string{"x@example.com": "s4", "x@a.example.com": "s5", "x@b.example.com": "-"}},
		"a key by the domain, below":  {"file:", ".example.com %\nann@* %:ann@%\n", false, map[string]string{"x@example.com": "-", "x@a.example.com": "s5", "ann@example.com": "s4ann@example.com"}},
		"a key by any domain":         {"refile:", "*@* %\n", false, map[string]string{"x@EXAMPLE.com": "s4", "x@example.org": "-"}},
		"another's key":               {"file:", "example.net one\n", false, map[string]string{"x@example.net": "-"}},
		"nothing":                     {"file:", "# nothing\n\n", false, map[string]string{"x@example.org": "-"}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules, err := tables.ReadSigning("file:"+keyTable, c.kind+write(t, "SigningTable", c.table), false)
			require.NoError(t, err)
			for from, want := range c.want {
				assert.Equal(t, want, sign(t, dkim.Signing{Rules: rules, AllRules: c.all}, from), from)
			}
		})
	}
}

func TestThirdParty(t *testing.T) {
	t.Parallel()
	keyTable := write(t, "KeyTable", "one example.org:s1:"+newKey(t)+"\n")
	rules, err := tables.ReadSigning(keyTable, write(t, "SigningTable", "example.net one\n"), true)
	require.NoError(t, err)
	assert.Equal(t, "s1", sign(t, dkim.Signing{Rules: rules}, "x@example.net"))
}

func TestKeyInTheTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(newKey(t))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	keyTable := write(t, "KeyTable", "one example.org:s1:"+strings.Join(lines[1:len(lines)-1], "")+"\n")
	rules, err := tables.ReadSigning(keyTable, write(t, "SigningTable", "example.org one\n"), false)
	require.NoError(t, err)
	assert.Equal(t, "s1", sign(t, dkim.Signing{Rules: rules}, "x@example.org"))

	// A table with a key in it must have the permissions of a key file.
	require.NoError(t, os.Chmod(keyTable, 0o640))
	_, err = tables.ReadSigning(keyTable, write(t, "SigningTable", "example.org one\n"), false)
	require.ErrorIs(t, err, dkim.ErrKeyReadable)
	require.ErrorContains(t, err, "KeyTable:1:20: ")
	_, err = tables.ReadSigning(keyTable, write(t, "SigningTable", "example.org one\n"), false, dkim.AllowReadable())
	assert.NoError(t, err)
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	pem := newKey(t)
	open := newKey(t)
	require.NoError(t, os.Chmod(open, 0o644))
	good := "one example.org:s1:" + pem + "\n"
	tests := map[string]struct {
		keys, signing, kind string
		want                string
	}{
		"too few parts":          {"one example.org:s1\n", "", "", "KeyTable:1:5: want DOMAIN:SELECTOR:KEY"},
		"no value":               {"\n  one\n", "", "", "KeyTable:2:6: want DOMAIN:SELECTOR:KEY"},
		"a key twice":            {good + good, "", "", `KeyTable:2:1: duplicate key "one"`},
		"no such file":           {"one example.org:s1:/nonexistent/key\n", "", "", "KeyTable:1:20: dkim: open /nonexistent/key"},
		"a key for all to read":  {"one example.org:s1:" + open + "\n", "", "", "KeyTable:1:20: dkim: " + open + ": the group or other users"},
		"no key in the table":    {"one example.org:s1:AAAA\n", "", "", "KeyTable:1:20: "},
		"a path with a domain":   {"one example.org:s1:/keys/%/key\n", "", "", "KeyTable:1:20: a path with %"},
		"no such key":            {good, "example.org two\n", "file:", `SigningTable:1:13: the key table has no key "two"`},
		"no domain named":        {good, "*@example.org %\n", "refile:", `SigningTable:1:15: no key in the key table is named after a domain that "*@example.org" matches`},
		"no key named":           {good, "example.org\n", "file:", `SigningTable:1:12: the key table has no key ""`},
		"a wildcard not allowed": {good, "*@example.org one\n", "file:", "SigningTable:1:1: \"*@example.org\" has a wildcard"},
		"a pattern without at":   {good, "example.org one\n", "refile:", `SigningTable:1:1: "example.org" matches no address; want *@example.org`},
		"an odd identity":        {good, "example.org one:ann\n", "file:", `SigningTable:1:17: the identity "ann" has no @`},
		"another kind of table":  {good, "", "ldap:", "want file:PATH"},
		"control characters":     {"one\x00\n", "", "", "KeyTable:1:4: the line contains a control character"},
		"a line without end":     {good + strings.Repeat("x", 70000), "", "", "KeyTable:2:1: the line is too long"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.kind == "" {
				c.kind = "file:"
			}
			_, err := tables.ReadSigning(write(t, "KeyTable", c.keys), c.kind+write(t, "SigningTable", c.signing), false)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	list, err := tables.ReadHosts(write(t, "TrustedHosts", "# ours\n127.0.0.1\nlocalhost\n192.0.2.0/24\n!192.0.2.9  # not this one\n"+
		"10.0.0.0/255.0.0.0\n[2001:db8::1]\n2001:db8:1::/48\n"))
	require.NoError(t, err)
	assert.Equal(t, []string{"127.0.0.1/32", "127.0.0.0/8", "::1/128", "192.0.2.0/24", "10.0.0.0/8", "2001:db8::1/128", "2001:db8:1::/48"}, texts(list.Networks))
	assert.Equal(t, []string{"192.0.2.9/32"}, texts(list.Except))
}

func TestHostsMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"mail.example.org":      "TrustedHosts:1:1: \"mail.example.org\": want an address",
		"\n 192.0.2.0/33":       "TrustedHosts:2:2:",
		"10.0.0.0/255.0.255.0":  "TrustedHosts:1:1:",
		"fe80::1%eth0":          "TrustedHosts:1:1:",
		"192.0.2.1 192.0.2.2":   "TrustedHosts:1:1:",
		"!":                     "TrustedHosts:1:1:",
		"2001:db8::/255.0.0.0":  "TrustedHosts:1:1:",
		"192.0.2.1\n.example.x": "TrustedHosts:2:1:",
	} {
		_, err := tables.ReadHosts(write(t, "TrustedHosts", text))
		assert.ErrorContains(t, err, want, text)
	}
	_, err := tables.ReadHosts("csl:127.0.0.1")
	require.ErrorContains(t, err, "want file:PATH")
	_, err = tables.ReadHosts("/nonexistent/hosts")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func texts(list []netip.Prefix) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.String()
	}
	return out
}

func FuzzTables(f *testing.F) {
	f.Add("one example.org:s1:AAAA\n# x\n", "*@example.org one:@%\n", "!192.0.2.1\n10.0.0.0/8\n")
	f.Add("\x00", "* %\n", "[::1]/255.0.0.0")
	f.Fuzz(func(t *testing.T, keys, signing, hosts string) {
		dir := t.TempDir()
		path := func(name, text string) string {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			return filepath.Join(dir, name)
		}
		k, s := path("k", keys), path("s", signing)
		for _, kind := range []string{"file:", "refile:"} {
			if rules, err := tables.ReadSigning(k, kind+s, true); err == nil && len(rules) > 0 {
				for _, rule := range rules {
					require.NotNil(t, rule.Keys[0].Signer)
				}
			}
		}
		if list, err := tables.ReadHosts(path("h", hosts)); err == nil {
			for _, p := range append(list.Networks, list.Except...) {
				require.True(t, p.IsValid())
			}
		}
	})
}
