package dkim_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// signedFrom are From fields that the grammar refuses or that are rare, whether this
// package signs them for example.org, and whether OpenDKIM 2.11 does.
var signedFrom = map[string]struct {
	from             string
	signed, opendkim bool
}{
	"plain":                            {"ann@example.org", true, true},
	"a name":                           {"Ann Smith <ann@example.org>", true, true},
	"the address as its name":          {"ann@example.org <ann@example.org>", true, true},
	"another address of ours":          {"bob@example.org <ann@example.org>", true, true},
	"a stranger's address as the name": {"eve@example.net <ann@example.org>", true, true},
	"our address as the name":          {"ann@example.org <eve@example.net>", false, false},
	"a dot in the name":                {"Ann B. Smith <ann@example.org>", true, true},
	"a dot before the name":            {".Ann <ann@example.org>", true, true},
	"a comma in the name":              {"Smith, Ann <ann@example.org>", true, true},
	"a semicolon in the name":          {"Ann; Smith <ann@example.org>", true, true},
	"a colon in the name":              {"Re: Ann <ann@example.org>", true, true},
	"square brackets in the name":      {"[ext] Ann <ann@example.org>", true, true},
	"a backslash in the name":          {`EXAMPLE\ann <ann@example.org>`, true, true},
	"parentheses in the name":          {"Ann (Sales) <ann@example.org>", true, true},
	"a comment before":                 {"(Sales) ann@example.org", true, true},
	"a parenthesis too much":           {"Ann :) <ann@example.org>", true, true},
	"a parenthesis that does not end":  {"Ann ( <ann@example.org>", false, false},
	"a quote that does not end":        {`"Ann <ann@example.org>`, false, false},
	"a quote too much":                 {`"Ann" S" <ann@example.org>`, false, false},
	"an apostrophe":                    {"Ann O'Neill <ann@example.org>", true, true},
	"Latin 1":                          {"\xc4nn <ann@example.org>", true, true},
	"Latin 1 in quotes":                {"\"\xc4nn, x\" <ann@example.org>", true, true},
	"UTF-8":                            {"Änn <ann@example.org>", true, true},
	"an encoded name":                  {"=?utf-8?q?=C3=84nn?= <ann@example.org>", true, true},
	"no space":                         {`"Ann"<ann@example.org>`, true, true},
	"something behind":                 {"Ann <ann@example.org> x", true, true},
	"a stranger behind":                {"Ann <ann@example.org> eve@example.net", false, true},
	"no end of the brackets":           {"Ann <ann@example.org", true, true},
	"a stranger before no end":         {"eve@example.net, Ann <ann@example.org", false, false},
	"something behind no end":          {"Ann <ann@example.org eve@example.net", false, false},
	"a dot before the @":               {"Ann <ann.@example.org>", true, true},
	"a dot before the @, no brackets":  {"ann.@example.org", true, true},
	"two dots":                         {"ann..x@example.org", true, true},
	"two dots in brackets":             {"<ann..x@example.org>", true, true},
	"a dot at the beginning":           {"Ann <.ann@example.org>", true, true},
	"two dots, and a stranger":         {"ann..x@example.org, eve@example.net", false, true},
	"mailto":                           {"Ann <mailto:ann@example.org>", true, true},
	"mailto, no brackets":              {"mailto:ann@example.org", false, true},
	"mailto, a stranger":               {"Ann <mailto:ann@example.org,eve@example.net>", false, false},
	"another scheme":                   {"Ann <smtp:ann@example.org>", false, true},
	"double brackets":                  {"Ann <<ann@example.org>>", false, true},
	"two in brackets":                  {"<ann@example.org> <eve@example.net>", false, true},
	"two, with a comma":                {"ann@example.org, eve@example.net", false, true},
	"a stranger with a comma":          {"eve@example.net, Smith, Ann <ann@example.org>", false, false},
	"a group":                          {"Team: ann@example.org;", true, true},
	"a route":                          {"<@example.net:ann@example.org>", true, true},
	"two @ in brackets":                {"Ann <ann@example.net@example.org>", false, true},
	"a space in brackets":              {"Ann <ann smith@example.org>", false, true},
	"a dot at the end":                 {"Ann <ann@example.org.>", false, false},
	"no brackets":                      {"Ann Smith ann@example.org", false, true},
	"the null address":                 {"Ann <>", false, false},
	"no domain":                        {"Ann <ann>", false, false},
}

// TestOddFrom signs From fields that the grammar refuses if all readers find the same
// address in them. The signature verifies, also for another implementation.
func TestOddFrom(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "s", "ed25519")
	f := signer(t, forExample(k))
	for name, c := range signedFrom {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message := delivered(t, miltertest.Run(t, f, fromHere("From: "+c.from+"\n\nx\n"), quiet()))
			assert.Equal(t, c.signed, strings.Contains(message, "DKIM-Signature:"))
			if c.signed {
				assert.Equal(t, []string{"pass example.org"}, verify(t, dkim.Verifying{Resolver: publish(t, k)}, message))
			}
		})
	}
}

// TestOursButNotSigned shows which messages have a warning, with its reason, because
// their sender expects a signature.
func TestOursButNotSigned(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "s", "ed25519")
	expired, other, unpublished := k, k, forExample(k)
	expired.Until = now
	other.Domain = "example.net"
	unpublished.Resolver = zone{}
	everyone := dkim.Signing{Rules: []dkim.Rule{{Senders: []string{"*"}, Keys: []dkim.Key{k}, ThirdParty: true}}}
	apart := dkim.Signing{Rules: []dkim.Rule{
		{Senders: []string{"ann@example.org"}, Keys: []dkim.Key{k}},
		{Senders: []string{"bob@example.org"}, Keys: []dkim.Key{key(t, "example.org", "t", "ed25519")}},
	}}
	for name, c := range map[string]struct {
		signing dkim.Signing
		header  string
		reason  string // empty if there is no warning
	}{
		"signed":            {forExample(k), fromAnn, ""},
		"a stranger":        {forExample(k), "From: eve@example.net\n", ""},
		"two strangers":     {forExample(k), "From: eve@example.net, eva@example.com\n", ""},
		"no From":           {forExample(k), "To: ann@example.org\n", "it has no From field"},
		"two From":          {forExample(k), fromAnn + fromAnn, "it has more than one From field"},
		"a long From":       {forExample(k), "From: " + strings.Repeat("x ", 40000) + "<ann@example.org>\n", "its From field is longer than 64 KiB"},
		"many authors":      {forExample(k), "From: " + strings.Repeat("ann@example.org,\n ", 100) + "ann@example.org\n", "its From field contains more than 100 addresses"},
		"as many as may be": {forExample(k), "From: " + strings.Repeat("ann@example.org,\n ", 99) + "ann@example.org\n", ""},
		"a long domain":     {everyone, "From: ann@" + strings.Repeat("a.", 200) + "example.org\n", ""},
		"an empty group":    {forExample(k), "From: Team:;\n", "its From field contains no address"},
		"an unreadable one": {forExample(k), "From: Ann (x <ann@example.org>\n", "its From field does not conform to RFC 5322, and its author is not clear"},
		"one stranger":      {forExample(k), "From: ann@example.org, eve@example.net\n", "no rule names one of its authors"},
		"two rules":         {apart, "From: ann@example.org, bob@example.org\n", "no rule has a key for all its authors at this time"},
		"an expired key":    {forExample(expired), fromAnn, "the rule has no key for the author's domain at this time"},
		"another's key":     {forExample(other), fromAnn, "the rule has no key for the author's domain at this time"},
		"no key in the DNS": {unpublished, fromAnn, "no key is published"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := signer(t, c.signing)
			r, found := miltertest.Run(t, f, fromHere(c.header+"\nx\n", miltertest.QueueID("4Zx1"))).Logs.Find("ours, but not signed")
			require.Equal(t, c.reason != "", found)
			if found {
				assert.Equal(t, slog.LevelWarn, r.Level)
				reason, _ := miltertest.LogAttr(r, "reason")
				assert.Equal(t, c.reason, reason.String())
				id, _ := miltertest.LogAttr(r, "queue_id")
				assert.Equal(t, "4Zx1", id.String())
			}
			_, found = miltertest.Run(t, f, miltertest.Message(c.header+"\nx\n", miltertest.Client("192.0.2.7"))).Logs.Find("ours, but not signed")
			assert.False(t, found, "the client is not trusted")
		})
	}
}

// The warnings are one a message, and bounded.
func TestWarningsAreBounded(t *testing.T) {
	t.Parallel()
	c := logTest{dkim.NewSigner, dkim.Config{Signing: forExample(key(t, "example.org", "s", "ed25519"))}, fromHere(fromAnn + fromAnn + "\nx\n"), `msg="ours, but not signed"`, 1, false}
	shown, all := logged(t, c, 3)
	assert.Equal(t, 3, shown)
	assert.Equal(t, 3, all)
	shown, _ = logged(t, c, 50)
	assert.Equal(t, 10, shown) // in a minute, with this text
}
