package dkim_test

import (
	"strings"
	"testing"
	"time"

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
		"a comment before":               {"(eve@example.net) ann@example.org", false},
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
		"a comma in the name":            {"Smith, Ann <ann@example.org>", false},
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
		"a dot at the end":          "From: ceo@bank.example.\n",
		"folded":                    "From: Bank, Inc.\n <ceo@bank.example>\n",
		"a group":                   "From: Bank: ceo@bank.example;\n",
		"a second field":            "From: a@other.example\nFrom: Bank, Inc. <ceo@bank.example>\n",
		"a second field before":     "From: Bank, Inc. <ceo@bank.example>\nFrom: a@other.example\n",
		"white space before colons": "From : Bank, Inc. <ceo@bank.example>\n",
		"very long":                 "From: Bank, Inc. " + strings.Repeat("x ", 40000) + "<ceo@bank.example>\n",
		"another spelling":          "From: Bank, Inc. <ceo@BANK\u3002Example>\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message := craft(t, crafted{key: k.Signer, tags: withTags(tagsEd, "d=other.example")}, header, "x\n")
			res := miltertest.Run(t, f, miltertest.Message(message), quiet())
			assert.True(t, strings.HasPrefix(res.Reply(), "550 5.7.20"), res.Reply())
		})
	}
	res := miltertest.Run(t, f, miltertest.Message("From: Bank, Inc. <ceo@shop.example>\n\nx\n"))
	res.AssertAccepted(t)
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
			return framework.Continue, add.Insert(s, 0, "From", "eve@example.net")
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
// convert a name grows with the square of its length.
func TestCostlyNames(t *testing.T) {
	t.Parallel()
	var letters strings.Builder
	for r := rune(0x4e00); letters.Len() < 60<<10; r++ {
		letters.WriteRune(r)
	}
	f := both(t, dkim.Config{
		Signing:   forExample(key(t, "example.org", "s", "ed25519")),
		Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx", Policies: map[string]dkim.Policy{"*": {}}},
		Observe:   func(dkim.Event) {},
	})
	start := time.Now()
	text := "DKIM-Signature: v=1; a=rsa-sha256; d=" + letters.String() + "; s=s; h=from; bh=AAAA; b=AAAA\nFrom: ann@" + letters.String() + "\n\nx\n"
	res := miltertest.Run(t, f, fromHere(text), quiet())
	res.AssertAccepted(t)
	assert.Contains(t, res.Header("Authentication-Results"), "malformed domain")
	assert.Less(t, time.Since(start), time.Second)
}
