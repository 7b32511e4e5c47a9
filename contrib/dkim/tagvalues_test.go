package dkim_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// TestCaseOfTagValues shows which values of tags have a case. Words have none.
// The version of a key record has one.
func TestCaseOfTagValues(t *testing.T) {
	t.Parallel()
	good, err := dkim.FormatRecord(private(t, "rsa").Public())
	require.NoError(t, err)
	p := good[strings.Index(good, "p="):]
	tests := map[string]struct {
		signature []string
		record    string
		want      string
	}{
		"a=":                {[]string{"a=RSA-Sha256"}, p, "pass example.org"},
		"c=":                {[]string{"c=Relaxed/RELAXED"}, p, "pass example.org"},
		"q=":                {[]string{"q=DNS/Txt"}, p, "pass example.org"},
		"q= of early mail":  {[]string{"q=DNS"}, p, "pass example.org"},
		"d= and s=":         {[]string{"d=Example.ORG", "s=R"}, p, "pass example.org"},
		"i=, its domain":    {[]string{"i=ann@EXAMPLE.org"}, p, "pass example.org"},
		"h=, a field":       {nil, p, "pass example.org"},
		"k=":                {nil, "k=RSA; " + p, "pass example.org"},
		"k=, folded":        {nil, "k=R\r\n sa; " + p, "pass example.org"},
		"h=, a hash":        {nil, "h=SHA1:SHA256; " + p, "pass example.org"},
		"s=, a service":     {nil, "s=Other:EMail; " + p, "pass example.org"},
		"t=, the flag y":    {nil, "t=Y; " + p, "pass example.org domain is testing"},
		"t=, the flag s":    {[]string{"i=ann@a.example.org"}, "t=S; " + p, "permerror example.org key is not for subdomains"},
		"v= of the record":  {nil, "v=dkim1; " + p, "permerror example.org key record unusable"},
		"a name of a tag":   {nil, "K=dsa; " + p, "pass example.org"},
		"a name of another": {[]string{"A=dsa-md5"}, p, "pass example.org"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message := craft(t, crafted{key: private(t, "rsa"), tags: withTags(tagsRSA, c.signature...), h: "FROM"}, fromAnn, "x\n")
			got := verify(t, dkim.Verifying{Resolver: zone{"r._domainkey.example.org": {c.record}}}, message)
			assert.Equal(t, []string{c.want}, got)
		})
	}
}

// TestEncodedIdentity decodes i= from dkim-quoted-printable (RFC 6376 section
// 3.5). The tags q= and z= do not change the result.
func TestEncodedIdentity(t *testing.T) {
	t.Parallel()
	const malformed = "permerror example.org malformed quoted-printable in the identity"
	tests := map[string]struct{ tag, want, auid string }{
		"an encoded at":            {"i=ann=40example.org", "pass example.org", "ann@example.org"},
		"digits in lower case":     {"i=ann=2bx=40example.org", "pass example.org", "ann+x@example.org"},
		"folded":                   {"i=an=\r\n 6E@exam\r\n\tple.org", "pass example.org", "ann@example.org"},
		"an encoded dot":           {"i=@a=2Eexample=2Eorg", "pass example.org", "@a.example.org"},
		"an equals sign":           {"i=a=3Db@example.org", "pass example.org", ""},
		"a semicolon":              {"i=a=3Bb@example.org", "pass example.org", ""},
		"a control character":      {"i=a=1B@example.org", "pass example.org", ""},
		"elsewhere":                {"i=ann=40example.net", "neutral example.org identity outside of the domain", ""},
		"elsewhere, encoded":       {"i=ann@example.org=2Enet", "neutral example.org identity outside of the domain", ""},
		"the last at counts":       {"i=ann@example.org=40example.net", "neutral example.org identity outside of the domain", ""},
		"one digit":                {"i=ann=4@example.org", malformed, ""},
		"no digit":                 {"i=ann=@example.org", malformed, ""},
		"letters that are none":    {"i=a=zz@example.org", malformed, ""},
		"at the end":               {"i=ann@example.org=", malformed, ""},
		"z=, malformed":            {"z=From:a=b", "pass example.org", ""},
		"q= with encoded argument": {"q=x/=zz:dns/txt", "pass example.org", ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z := publish(t, key(t, "example.org", "e", "ed25519"))
			message := craft(t, crafted{key: private(t, "ed25519"), tags: withTags(tagsEd, c.tag)}, fromAnn, "x\n")
			results, err := dkim.Verify(t.Context(), dkim.Verifying{Resolver: z}, strings.NewReader(message))
			require.NoError(t, err)
			assert.Equal(t, []string{c.want}, describe(results))
			assert.Equal(t, c.auid, results[0].AUID)
		})
	}
}
