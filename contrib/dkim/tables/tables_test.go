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
		"plain, the nearest domain": {"file:", "ann@.example.org one\n.a.example.org two\nann@.b.a.example.org any\nann@.org any\n.org one\n", false, map[string]string{
			"ann@x.a.example.org": "s2", "ann@x.example.org": "s1", "x@x.a.example.org": "s2", "ann@x.b.a.example.org": "s3", "x@x.b.a.example.org": "s2", "ann@example.org": "s3", "x@example.org": "s1",
		}},
		"plain, the first of a key":      {"file:", "example.org one\nEXAMPLE.org two\nexample.org any\n", false, map[string]string{"x@example.org": "s1"}},
		"plain, the first of a key, all": {"file:", "example.org one\nEXAMPLE.org two\nann@example.org any\n", true, map[string]string{"ann@example.org": "s3 s1", "x@example.org": "s1"}},
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
		"not base64":             {"one example.org:s1:key.pem\n", "", "", "KeyTable:1:20: neither a path nor a key in base64"},
		"a path with a domain":   {"one example.org:s1:/keys/%/key\n", "", "", "KeyTable:1:20: a path with %"},
		"no such key":            {good, "example.org two\n", "file:", `SigningTable:1:13: the key table has no key "two"`},
		"no domain named":        {good, "*@example.org %\n", "refile:", `SigningTable:1:15: no key in the key table is named after a domain that "*@example.org" matches`},
		"no key named":           {good, "example.org\n", "file:", `SigningTable:1:12: the key table has no key ""`},
		"a wildcard not allowed": {good, "*@example.org one\n", "file:", "SigningTable:1:1: \"*@example.org\" has a wildcard"},
		"a pattern without at":   {good, "example.org one\n", "refile:", `SigningTable:1:1: "example.org" matches no address; want *@example.org`},
		"a dot after the at":     {good, "*@.example.org one\n", "refile:", `SigningTable:1:1: "*@.example.org" matches no address; want *@*.example.org`},
		"a dot after a user":     {good, "ann@.example.org one\n", "refile:", `SigningTable:1:1: "ann@.example.org" matches no address; want ann@*.example.org`},
		"an odd identity":        {good, "example.org one:ann\n", "file:", `SigningTable:1:17: the identity "ann" has no @`},
		"another kind of table":  {good, "", "ldap:", "tables of the kind ldap: are not supported; want file:PATH"},
		"a pattern in brackets":  {good, "*@example.net one\n<*@example.org> one\n", "refile:", `SigningTable:2:1: "<*@example.org>" matches no address: the character '<'; write "*@example.org"`},
		"a dot at the end":       {good, "example.org. one\n", "file:", `SigningTable:1:1: "example.org." matches no address: an empty label or a dot at the end; write "example.org"`},
		"a space in a pattern":   {good, "*@exa mple.org one\n", "refile:", `SigningTable:1:7: the key table has no key "mple.org one"`},
		"a slash in a pattern":   {good, "*@example.org/x one\n", "refile:", `SigningTable:1:1: "*@example.org/x" matches no address: the character '/' in the domain`},
		"an at before a domain":  {good, "@example.org one\n", "file:", `SigningTable:1:1: "@example.org" matches no address: nothing before the @`},
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
		"*.example.org":         "TrustedHosts:1:1: \"*.example.org\": want an address or a network; host names are not supported, because clients can forge them; write the addresses of the hosts",
		"\n 192.0.2.0/33":       "TrustedHosts:2:2:",
		"10.0.0.0/255.0.255.0":  "TrustedHosts:1:1:",
		"fe80::1%eth0":          "TrustedHosts:1:1:",
		"192.0.2.1 192.0.2.2":   "TrustedHosts:1:1: \"192.0.2.1\": want one address or network on a line",
		"192.0.2.1,":            "TrustedHosts:1:1: \"192.0.2.1,\": want one address or network on a line",
		"!":                     "TrustedHosts:1:1:",
		"2001:db8::/255.0.0.0":  "TrustedHosts:1:1:",
		"192.0.2.1\n.example.x": "TrustedHosts:2:1:",
		"172.17.*":              "TrustedHosts:1:1: \"172.17.*\": OpenDKIM reads an asterisk only in a refile: table; write 172.17.0.0/16",
		"!10.*.*.*":             "write 10.0.0.0/8",
		"192.0.2/24":            "TrustedHosts:1:1: \"192.0.2/24\": a network needs all its numbers; write 192.0.2.0/24",
		"10/8":                  "write 10.0.0.0/8",
		"*":                     "for all clients write 0.0.0.0/0 and ::/0",
		"010.*":                 "want an address or a network",
	} {
		_, err := tables.ReadHosts(write(t, "TrustedHosts", text))
		assert.ErrorContains(t, err, want, text)
	}
	for text, want := range map[string]string{
		"192.0.2.1*":        "TrustedHosts:1:1: \"192.0.2.1*\": want an address or a network",
		"192.0.*.1":         "want an address or a network",
		"*":                 "for all clients write 0.0.0.0/0 and ::/0",
		"1.2.3.4.*":         "want an address or a network",
		"*.example.org":     "host names are not supported",
		"2001:db8:*":        "want an address or a network",
		"256.*":             "want an address or a network",
		"mail*.example.org": "host names are not supported",
	} {
		_, err := tables.ReadHosts("refile:" + write(t, "TrustedHosts", text))
		assert.ErrorContains(t, err, want, text)
	}
	for name, want := range map[string]string{
		"csl:127.0.0.1, mail.example.org": `list:1:16: "mail.example.org": want an address`,
		"TrustedHosts":                    `list:1:1: "TrustedHosts": want an address`,
		"10.0.0.1,\x00":                   "list:1:10: the line contains a control character",
		"":                                "want file:PATH, refile:PATH, a path, or a list",
		"file:":                           "want file:PATH",
		"dsn:mysql://x/y":                 "tables of the kind dsn: are not supported",
		"/etc/hosts.db":                   "tables in databases are not supported",
	} {
		_, err := tables.ReadHosts(name)
		assert.ErrorContains(t, err, want, name)
	}
	_, err := tables.ReadHosts("/nonexistent/hosts")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// TestHostsInOtherForms reads the patterns of a refile: table, and lists.
func TestHostsInOtherForms(t *testing.T) {
	t.Parallel()
	file := write(t, "TrustedHosts", "\ufeff172.17.*\r\n10.*.*\r\n!172.17.5.*\r\n192.0.2.0/24\r\n")
	list, err := tables.ReadHosts("refile:" + file)
	require.NoError(t, err)
	assert.Equal(t, []string{"172.17.0.0/16", "10.0.0.0/8", "192.0.2.0/24"}, texts(list.Networks))
	assert.Equal(t, []string{"172.17.5.0/24"}, texts(list.Except))
	for _, name := range []string{"csl:127.0.0.1, ::1,!192.0.2.9 ,, 192.0.2.0/24", "127.0.0.1,::1 , !192.0.2.9,192.0.2.0/24,"} {
		list, err = tables.ReadHosts(name)
		require.NoError(t, err)
		assert.Equal(t, []string{"127.0.0.1/32", "::1/128", "192.0.2.0/24"}, texts(list.Networks))
		assert.Equal(t, []string{"192.0.2.9/32"}, texts(list.Except))
	}
}

// TestMarkedTables reads tables that begin with a byte order mark and have the
// line ends of Windows.
func TestMarkedTables(t *testing.T) {
	t.Parallel()
	keys := write(t, "KeyTable", "\ufeffone example.org:s1:"+newKey(t)+"\r\n")
	for kind, text := range map[string]string{"file:": "\ufeffexample.org one\r\n", "refile:": "\ufeff*@example.org one\r\n"} {
		rules, err := tables.ReadSigning(keys, kind+write(t, "SigningTable", text), false)
		require.NoError(t, err)
		assert.Equal(t, "s1", sign(t, dkim.Signing{Rules: rules}, "x@example.org"))
	}
}

// TestTablesInLists reads a key table and a signing table whose entries are in
// their names.
func TestTablesInLists(t *testing.T) {
	t.Parallel()
	rules, err := tables.ReadSigning("csl:one=example.org:s1:"+newKey(t), "example.org=one, .example.org=one:@%", false)
	require.NoError(t, err)
	assert.Equal(t, "s1", sign(t, dkim.Signing{Rules: rules}, "x@example.org"))
	assert.Equal(t, "s1@a.example.org", sign(t, dkim.Signing{Rules: rules}, "x@a.example.org"))
	_, err = tables.ReadSigning("one=example.org:s1:AAAA", "example.org=one", false)
	require.ErrorContains(t, err, "list:1:20: not a path; a private key can be in the file of a table, but not in a list")
	entries, wildcards, err := tables.Read("a, b = c")
	require.NoError(t, err)
	assert.False(t, wildcards)
	assert.Equal(t, []tables.Entry{
		{Key: "a", File: "list", Line: 1, KeyColumn: 1, ValueColumn: 2},
		{Key: "b", Value: "c", File: "list", Line: 1, KeyColumn: 4, ValueColumn: 8},
	}, entries)
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
