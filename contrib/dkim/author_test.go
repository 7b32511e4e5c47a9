package dkim_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestAuthors tests From fields in many forms. A message is signed only if each
// address in the field, ignoring text that only looks like an address, is in
// the domain.
func TestAuthors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		from   string
		signed bool
	}{
		"an address":                     {"ann@example.org", true},
		"a name":                         {"Ann Smith <ann@example.org>", true},
		"a name with a dot":              {"Ann B. Smith <ann@example.org>", true},
		"folded":                         {"Ann\r\n Smith\r\n\t<ann@example.org>", true},
		"an encoded name":                {"=?iso-8859-1?q?=E4nn?= <ann@example.org>", true},
		"a name in unknown letters":      {"=?x-klingon?q?=E4nn?= <ann@example.org>", true},
		"a name in plain Latin 1":        {"\xe4nn <ann@example.org>", true},
		"the name is an address":         {`"eve@example.net" <ann@example.org>`, true},
		"a comment with an address":      {"ann@example.org (eve@example.net)", true},
		"a comment before":               {"(eve@example.net) ann@example.org", true},
		"a quoted local part":            {`"ann smith"@example.org`, true},
		"an @ in a quoted local part":    {`"eve@example.net"@example.org`, true},
		"capitals":                       {"ANN@EXAMPLE.ORG", true},
		"two of one domain":              {"ann@example.org, bob@sub.example.org", true},
		"a group":                        {"Team: ann@example.org, bob@example.org;", true},
		"a group with a stranger":        {"Team: ann@example.org, eve@example.net;", false},
		"a stranger behind a group":      {"Team: ann@example.org;, eve@example.net", false},
		"an empty group":                 {"undisclosed-recipients:;", false},
		"nothing":                        {"", false},
		"white space":                    {" \t ", false},
		"the null address":               {"<>", false},
		"no local part":                  {"@example.org", false},
		"no domain":                      {"ann@", false},
		"two @":                          {"ann@example.net@example.org", false},
		"ours quoted, a stranger's":      {`"ann@example.org"@example.net`, false},
		"ours in a comment":              {"eve@example.net (ann@example.org)", false},
		"ours in a comment within":       {"eve@(ann@example.org)example.net", false},
		"ours is the name":               {`"ann@example.org" <eve@example.net>`, false},
		"ours is the name, encoded":      {"=?utf-8?q?ann=40example=2Eorg?= <eve@example.net>", false},
		"ours is the name, not quoted":   {"ann@example.org <eve@example.net>", false},
		"two in angle brackets":          {"<ann@example.org> <eve@example.net>", false},
		"a route":                        {"<@example.org:eve@example.net>", false},
		"a comma in the name":            {"Smith, Ann <ann@example.org>", true},
		"a comment that does not end":    {"ann@example.org (eve@example.net", false},
		"a semicolon":                    {"ann@example.org; eve@example.net", false},
		"an address in brackets":         {"ann@[192.0.2.1]", false},
		"a dot at the end":               {"ann@example.org.", false},
		"another domain that looks like": {"ann@exаmple.org", false}, // a Cyrillic a
		"ours above":                     {"ann@org", false},
		"8 bits in the domain":           {"ann@exa\xe4mple.org", false},
		"8 bits before the domain":       {"ann@\xe4.example.org", true}, // as a name below it
	}
	f := signer(t, forExample(key(t, "example.org", "s", "ed25519")))
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, f, fromHere("From: "+strings.ReplaceAll(c.from, "\r\n", "\n")+"\n\nx\n"))
			res.AssertAccepted(t)
			assert.Equal(t, c.signed, res.Header("DKIM-Signature") != "")
		})
	}
}

// TestPoliciesOfOddAuthors checks that a field that this package cannot parse,
// but other programs may, does not evade a policy.
func TestPoliciesOfOddAuthors(t *testing.T) {
	t.Parallel()
	k := key(t, "other.example", "e", "ed25519")
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{
		Resolver: publish(t, k), AuthservID: "mx", Policies: map[string]dkim.Policy{"bank.example": {Unsigned: dkim.Reject}},
	}})
	require.NoError(t, err)
	for name, header := range map[string]string{
		"a comma in the name":       "From: Bank, Inc. <ceo@bank.example>\n",
		"plain Latin 1":             "From: B\xe4nk <ceo@bank.example>\n",
		"not closed":                "From: Bank <ceo@bank.example\n",
		"something behind":          "From: Bank <ceo@bank.example> x\n",
		"a route":                   "From: <@other.example:ceo@bank.example>\n",
		"in a route":                "From: <, (x)@bank.example:a@other.example>\n",
		"a dot at the end":          "From: ceo@bank.example.\n",
		"folded":                    "From: Bank, Inc.\n <ceo@bank.example>\n",
		"a group":                   "From: Bank: ceo@bank.example;\n",
		"an empty group":            "From: \"ceo@bank.example\":;\n",
		"a space behind the @":      "From: Bank, Inc. <ceo@ bank.example>\n",
		"a comment behind the @":    "From: Bank, Inc. <ceo@(x)bank.example>\n",
		"an address as the name":    "From: a@other.example <ceo@bank.example>\n",
		"the name is the author":    "From: ceo@bank.example <a@other.example>\n",
		"two in brackets":           "From: <a@other.example> <ceo@bank.example>\n",
		"a quote that does not end": "From: \"a@other.example <ceo@bank.example>\n",
		"a second field":            "From: a@other.example\nFrom: Bank, Inc. <ceo@bank.example>\n",
		"a second field before":     "From: Bank, Inc. <ceo@bank.example>\nFrom: a@other.example\n",
		"white space before colons": "From : Bank, Inc. <ceo@bank.example>\n",
		"very long":                 "From: Bank, Inc. " + strings.Repeat("x ", 40000) + "<ceo@bank.example>\n",
		"another spelling":          "From: Bank, Inc. <ceo@BANK\u3002Example>\n",
		"no field":                  "",
		"an empty field":            "From:\n",
		"no domain":                 "From: ceo\n",
		"no domain behind the @":    "From: ceo@\n",

		"single quotes":                     "From: 'ceo@bank.example'\n",
		"single quotes in brackets":         "From: Bank <'ceo@bank.example'>\n",
		"a comment in the domain":           "From: ceo@bank(x).example <\n",
		"a comment before a label":          "From: ceo@bank.(x)example <\n",
		"comments in parentheses in quotes": "From: \"(\" <ceo@bank(x).example> \")\" <\n",
		"a fold in the domain":              "From: Bank <ceo@bank\n .example> <\n",
		"a fold behind the dot":             "From: Bank <ceo@bank.\n example> <\n",
		"a sentence":                        "From: ceo@bank.example. Hello <\n",
		"a quote in the domain":             "From: ceo@bank\".example\" <\n",
		"a quoted domain":                   "From: ceo@\"bank.example\"\n",
		"a backslash in the domain":         "From: ceo@ba\\nk.example\n",
		"a backslash before the @":          "From: ceo\\@bank.example\n",
		"an encoded address":                "From: =?utf-8?q?ceo=40bank.example?=\n",
		"an encoded address in a list":      "From: a@other.example, =?utf-8?q?ceo=40bank.example?=\n",
		"an encoded local part":             "From: =?utf-8?q?ceo=40bank.example?=@other.example\n",
		"an encoded @":                      "From: ceo=?utf-8?q?=40?=bank.example\n",
		"an encoded domain":                 "From: ceo@=?utf-8?q?bank.example?=\n",
		"in an unknown charset":             "From: a@other.example =?x-none?q?ceo=40bank.example?=\n",
		"encoded twice":                     "From: =?utf-8?b?PT91dGYtOD9xP2Nlbz00MGJhbmsuZXhhbXBsZT89?= a@other.example <\n",
		"too many encoded words":            "From: " + strings.Repeat("=?utf-8?q?a?=\n ", 1001) + "=?utf-8?q?ceo=40bank.example?= a@other.example\n",
		"a quoted local part":               "From: \"ceo@bank.example\"@other.example\n",
		"a wide @":                          "From: ceo\uff20bank.example, a@other.example, x\n",
		"a wide @ in a local part":          "From: ceo\uff20bank.example@other.example\n",
		"an A-label that is not valid":      "From: ceo@xn--bank-.example\n",
		"an exclamation mark":               "From: ceo@bank.example!\n",
		"a number sign":                     "From: ceo@bank.example#\n",
		"an ampersand":                      "From: ceo@bank.example&\n",
		"an asterisk":                       "From: ceo@bank.example*\n",
		"a question mark":                   "From: ceo@bank.example?\n",
		"a slash":                           "From: ceo@bank.example/\n",
		"an equals sign":                    "From: ceo@bank.example=\n",
		"a bar":                             "From: ceo@bank.example|\n",
		"braces":                            "From: ceo@{bank.example}\n",
		"square brackets":                   "From: ceo@[bank.example]\n",
		"a no-break space":                  "From: ceo@bank.example\u00a0\n",
		"an em space":                       "From: ceo@bank.example\u2003\n",
		"a line separator":                  "From: ceo@bank.example\u2028\n",
		"the byte A0":                       "From: ceo@bank.example\xa0\n",
		"a change of direction":             "From: ceo@\u202abank.example\n",
		"a space of no width":               "From: ceo@bank.exam\u200bple\n",
		"a soft hyphen":                     "From: ceo@bank.exam\u00adple\n",
		"a form feed":                       "From: ceo@bank.example\f\n",
		"a small full stop":                 "From: ceo@bank\ufe52example, x\n",
		"a one dot leader":                  "From: ceo@bank\u2024example\n",
		"a wide dot at the end":             "From: ceo@bank.example\uff0e\n",
		"wide letters":                      "From: ceo@\uff42ank.example\n",
		"a long domain beside it":           "From: ceo@bank.example, a@" + strings.Repeat("\u00e4.", 500) + "example\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message := craft(t, crafted{key: k.Signer, tags: withTags(tagsEd, "d=other.example")}, header, "x\n")
			res := miltertest.Run(t, f, miltertest.Message(message), quiet())
			assert.True(t, strings.HasPrefix(res.Reply(), "550 5.7.20"), res.Reply())
		})
	}
}

// TestPoliciesOfOthers checks that a policy for one domain does not apply to mail of
// others, also if their From fields do not conform.
func TestPoliciesOfOthers(t *testing.T) {
	t.Parallel()
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{
		Resolver: zone{}, AuthservID: "mx", Policies: map[string]dkim.Policy{"bank.example": {Unsigned: dkim.Reject}},
	}})
	require.NoError(t, err)
	for name, from := range map[string]string{
		"an address":                    "ann@shop.example",
		"a comma in the name":           "Shop, Inc. <ann@shop.example>",
		"plain Latin 1":                 "Sh\xf6p <ann@shop.example>",
		"not closed":                    "Shop <ann@shop.example",
		"the address as its name":       "ann@shop.example <ann@shop.example>",
		"the same, encoded":             "=?utf-8?q?ann@shop.example?= <ann@shop.example>",
		"the name is the bank, quoted":  `"ceo@bank.example via List" <list@shop.example>`,
		"the name is the bank, encoded": "=?utf-8?q?ceo=40bank.example?= <list@shop.example>",
		"the bank in a comment":         "list@shop.example (ceo@bank.example)",
		"single quotes":                 "'ann@shop.example' <'ann@shop.example'>",
		"a comment":                     "Shop, Inc. <ann@shop.example (Ann)>",
		"an @ in the name":              "Ann @ Shop, <ann@shop.example>",
		"a no-break space":              "ann@shop.example\u00a0<ann@shop.example>",
		"an IPv4 literal":               "ann@[192.0.2.1]",
		"an IPv6 literal":               "ann@[IPv6:2001:db8::1]",
		"an internationalized domain":   "ann@b\u00fccher.example",
		"its ASCII form":                "ann@xn--bcher-kva.example",
		"letters that look alike":       "ceo@b\u0430nk.example",
		"below":                         "ceo@x.bank.example",
		"above":                         "ceo@example",
		"a domain that begins with it":  "ceo@bank.example.shop.example",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			miltertest.Run(t, f, miltertest.Message("From: "+from+"\n\nx\n"), quiet()).AssertAccepted(t)
		})
	}
}

// TestFromOfOtherFilters checks From fields that other filters add. If a filter
// before the signer adds one, the signer does not sign, because the author is
// unclear. If a filter after the signer adds one, the signature is not valid.
func TestFromOfOtherFilters(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "s", "ed25519")
	adder := miltertest.FilterFunc("adder", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.InsertTop(s, "From", "eve@example.net")
		})
		return nil
	})
	before, behind := framework.NewRouter(), framework.NewRouter()
	before.Mount(adder)
	before.Mount(signer(t, forExample(k)))
	assert.Empty(t, miltertest.RunRouter(t, before, fromHere(letter)).HeaderValues("DKIM-Signature"))

	behind.Mount(signer(t, forExample(k)))
	behind.Mount(adder)
	message := delivered(t, miltertest.RunRouter(t, behind, fromHere(letter)))
	assert.Equal(t, []string{"fail example.org signature did not verify"}, verify(t, dkim.Verifying{Resolver: publish(t, k)}, message))
}

// TestCostlyNames checks that a long name is not converted, because the time to
// convert a name grows with the square of its length. A name of 1 MiB would take many
// minutes, and exceed the time of the test. No time is compared.
func TestCostlyNames(t *testing.T) {
	t.Parallel()
	letters := func(size int) string {
		var b strings.Builder
		for r := rune(0x4e00); b.Len() < size; r = 0x4e00 + (r-0x4e00+1)%20_000 {
			b.WriteRune(r)
		}
		return b.String()
	}
	named := func(name string) string {
		return "DKIM-Signature: v=1; a=rsa-sha256; d=" + name + "; s=s; h=from; bh=AAAA; b=AAAA\nFrom: ann@" + name + "\n\nx\n"
	}
	f := both(t, dkim.Config{
		Signing:   forExample(key(t, "example.org", "s", "ed25519")),
		Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx", Policies: map[string]dkim.Policy{"*": {}}},
		Observe:   func(dkim.Event) {},
	})
	res := miltertest.Run(t, f, fromHere(named(letters(60<<10))), quiet())
	res.AssertAccepted(t)
	assert.Contains(t, res.Header("Authentication-Results"), "malformed domain")

	results, err := dkim.Verify(t.Context(), dkim.Verifying{Resolver: zone{}}, strings.NewReader(named(letters(1<<20))))
	require.NoError(t, err)
	require.Len(t, results, 1)
	assert.Equal(t, dkim.StatusNeutral, results[0].Status)
}
