package dkim_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestSenderPatterns refuses patterns that can match no address, when the
// configuration is checked.
func TestSenderPatterns(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		"*", "*@*", "ann@example.org", "ANN@Example.ORG", "example.org", ".example.org", "*@.example.org", "*@*.example.org",
		"*.example.org", "ann@*", "a+b=c{d}@example.org", "bücher.example", "jörg@bücher.example", "*@xn--bcher-kva.example",
		" example.org ", "*@[192.0.2.1]", "_spf.example.org", "example", "ann*", "*@example.*",
	} {
		require.NoError(t, dkim.CheckSender(pattern), pattern)
	}
	for pattern, want := range map[string]string{
		"*@exa mple.com":                      `"*@exa mple.com" matches no address: the character ' ' in the domain`,
		"<*@example.com>":                     `the character '<'; write "*@example.com"`,
		"*@example.com>":                      `the character '>' in the domain; write "*@example.com"`,
		"example.com.":                        `an empty label or a dot at the end; write "example.com"`,
		"*@example.com.":                      `a dot at the end; write "*@example.com"`,
		"*@example.com,":                      `the character ',' in the domain; write "*@example.com"`,
		`"*@example.com"`:                     `write "*@example.com"`,
		"\ufeff*@example.com":                 `write "*@example.com"`,
		"@example.com":                        "nothing before the @; a domain is written without the @",
		"ann@":                                "an empty label",
		"a@b@example.com":                     "the character '@'",
		"a b@example.com":                     "the character ' '",
		`"a b"@example.com`:                   `the character '"'`,
		"a..b":                                "an empty label",
		"..example.com":                       "an empty label",
		".":                                   "an empty label",
		"*@exam/ple.com":                      "the character '/' in the domain",
		"mailto:ann@example.com":              "the character ':'",
		"*@example.com\x00":                   `the character '\x00' in the domain`,
		"*@" + strings.Repeat("a", 64) + ".x": "a label of more than 63 bytes",
		"*@b\u00fc cher.example":              "in the domain",
		"":                                    "it is empty",
		" \t":                                 "it is empty",
		"<>":                                  "the character '<'",
	} {
		require.ErrorContains(t, dkim.CheckSender(pattern), want, pattern)
		cfg := dkim.Config{Signing: dkim.Signing{Rules: []dkim.Rule{{Senders: []string{"example.org", pattern}, Keys: []dkim.Key{key(t, "example.org", "s", "ed25519")}}}}}
		_, err := dkim.NewSigner(cfg)
		require.ErrorContains(t, err, want, pattern)
		assert.ErrorContains(t, err, "rule 1: the sender ")
	}
}

func FuzzCheckSender(f *testing.F) {
	f.Add("<*@example.com>")
	f.Add("*@b\u00fccher.example.")
	f.Fuzz(func(t *testing.T, pattern string) {
		err := dkim.CheckSender(pattern)
		_, newErr := dkim.NewSigner(dkim.Config{Signing: dkim.Signing{Rules: []dkim.Rule{{Senders: []string{pattern}, Keys: []dkim.Key{key(t, "example.org", "s", "ed25519")}}}}})
		require.Equal(t, err == nil, newErr == nil)
	})
}

// TestMacrosOfTrust shows that a macro without values may have any value, and
// that a list that no message can match is an error.
func TestMacrosOfTrust(t *testing.T) {
	t.Parallel()
	with := func(macros map[string][]string) dkim.Config {
		return dkim.Config{
			Signing: forExample(key(t, "example.org", "s", "ed25519")),
			Trust:   dkim.Trust{Networks: []netip.Prefix{}, Macros: macros},
		}
	}
	tests := map[string]struct {
		values []string
		sent   string
		signed bool
	}{
		"any value":        {nil, "anything", true},
		"any value, empty": {nil, "", false},
		"one of two":       {[]string{"a", "b"}, "b", true},
		"another":          {[]string{"a", "b"}, "c", false},
		"in another case":  {[]string{"a"}, "A", false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := dkim.NewSigner(with(map[string][]string{"{test}": c.values}))
			require.NoError(t, err)
			res := miltertest.Run(t, f, miltertest.Message("From: ann@example.org\n\nx\n", miltertest.Macro(framework.StageMail, "test", c.sent)))
			assert.Equal(t, c.signed, res.Header("DKIM-Signature") != "")
			res = miltertest.Run(t, f, miltertest.Message("From: ann@example.org\n\nx\n"))
			assert.Empty(t, res.Header("DKIM-Signature"), "the macro is not sent")
		})
	}
	for name, c := range map[string]struct {
		macros map[string][]string
		want   string
	}{
		"an empty list":  {map[string][]string{"{x}": {}}, `the macro "{x}" has an empty list of values, which no message matches; leave the list out to match any value`},
		"an empty value": {map[string][]string{"x": {"a", ""}}, `the macro "x" has an empty value`},
		"no name":        {map[string][]string{"{}": nil}, `"{}" is not the name of a macro`},
		"half a brace":   {map[string][]string{"{{x}": nil}, "is not the name of a macro"},
		"a space":        {map[string][]string{"{a b}": nil}, "is not the name of a macro"},
	} {
		_, err := dkim.NewSigner(with(c.macros))
		require.ErrorContains(t, err, c.want, name)
	}
}

// TestNearestNetwork shows that the longer prefix decides if a network and an
// exception contain an address.
func TestNearestNetwork(t *testing.T) {
	t.Parallel()
	f, err := dkim.NewSigner(dkim.Config{
		Signing: forExample(key(t, "example.org", "s", "ed25519")),
		Trust:   dkim.Trust{Networks: prefixes("192.0.2.0/24", "192.0.2.130/32", "2001:db8::/32"), Except: prefixes("192.0.2.128/25", "192.0.2.9/32", "192.0.2.9/32", "2001:db8::/32")},
	})
	require.NoError(t, err)
	for client, signed := range map[string]bool{
		"192.0.2.1": true, "192.0.2.9": false, "192.0.2.129": false, "192.0.2.130": true, "198.51.100.1": false, "2001:db8::1": false,
	} {
		res := miltertest.Run(t, f, miltertest.Message("From: ann@example.org\n\nx\n", miltertest.Client(client)))
		assert.Equal(t, signed, res.Header("DKIM-Signature") != "", client)
	}
}

// TestExceptedRecipients shows that one recipient that a pattern matches keeps a
// message from being signed, and that the message is not verified either.
func TestExceptedRecipients(t *testing.T) {
	t.Parallel()
	signing := forExample(key(t, "example.org", "s", "ed25519"))
	without := dkim.Config{Signing: signing, Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx"}}
	with := without
	with.Signing.ExceptRecipients = []string{"plain.example", "list@bücher.example", "*@*.internal.example"}
	f, err := dkim.New(with)
	require.NoError(t, err)
	for to, signed := range map[string]bool{
		"bob@example.net": true, "bob@plain.example": false, "BOB@Plain.Example": false, "bob@a.plain.example": true,
		"list@xn--bcher-kva.example": false, "bob@xn--bcher-kva.example": true, "x@a.internal.example": false,
	} {
		res := miltertest.Run(t, f, miltertest.Message("From: ann@example.org\n\nx\n", miltertest.Client("127.0.0.1"), miltertest.To("eve@example.net", to)))
		res.AssertAccepted(t)
		assert.Equal(t, signed, res.Header("DKIM-Signature") != "", to)
		assert.Empty(t, res.Header("Authentication-Results"), to)
		res = miltertest.Run(t, f, miltertest.Message("From: ann@example.org\n\nx\n", miltertest.Client("192.0.2.1"), miltertest.To(to)))
		assert.Contains(t, res.Header("Authentication-Results"), "dkim=none", "mail that is not ours")
	}
	require.NoError(t, f.Reload(without))
	plain, err := dkim.New(without)
	require.NoError(t, err)
	require.ErrorIs(t, plain.Reload(with), dkim.ErrRestart)
	with.Signing.ExceptRecipients = []string{"<bob@plain.example>"}
	_, err = dkim.New(with)
	assert.ErrorContains(t, err, `the recipient "<bob@plain.example>" matches no address`)
}

// TestAuthorsOfSeveralRules shows that a message of several authors is signed if
// the same keys sign for each of them, by whichever rule.
func TestAuthorsOfSeveralRules(t *testing.T) {
	t.Parallel()
	one, two := key(t, "example.org", "one", "ed25519"), key(t, "example.org", "two", "ed25519")
	named := one
	named.Identity = "@example.org"
	f, err := dkim.NewSigner(dkim.Config{Signing: dkim.Signing{Rules: []dkim.Rule{
		{Senders: []string{"example.org"}, Keys: []dkim.Key{one}},
		{Senders: []string{".a.example.org"}, Keys: []dkim.Key{one}},
		{Senders: []string{"b.example.org"}, Keys: []dkim.Key{two}},
		{Senders: []string{"c.example.org"}, Keys: []dkim.Key{named}},
		{Senders: []string{"example.net"}, Keys: []dkim.Key{one}, ThirdParty: true},
	}}})
	require.NoError(t, err)
	for from, signed := range map[string]bool{
		"x@example.org, y@example.org": true, "x@example.org, y@a.a.example.org": true, "x@a.a.example.org, y@example.org": true,
		"x@example.org, y@b.example.org": false, "x@example.org, y@c.example.org": false, "x@example.org, y@example.net": false,
		"x@example.net, y@example.org": false, "x@example.org, y@elsewhere.test": false,
	} {
		res := miltertest.Run(t, f, fromHere("From: "+from+"\n\nx\n"))
		assert.Equal(t, signed, res.Header("DKIM-Signature") != "", from)
	}
}
