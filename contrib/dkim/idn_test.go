package dkim_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// The ASCII form of bücher.example.
const bucher = "xn--bcher-kva.example"

// spellings are equivalent forms of a domain.
func spellings() map[string]string {
	return map[string]string{
		"U-label": "bücher.example", "A-label": bucher, "capitals": "BÜCHER.Example", "capital A-label": "XN--BCHER-KVA.EXAMPLE",
		"decomposed": "bu\u0308cher.example", "fullwidth": "ｂücher.example", "another full stop": "bücher\u3002example",
		"nothing to see": "bü\u00adcher.example", // a soft hyphen
	}
}

var tagD = regexp.MustCompile(`[ \t]d=([^;]*);`)

// TestSignsForInternationalDomains checks that all forms of a domain are equal
// in the author's address and in the configuration, and that the signature has
// the ASCII form.
func TestSignsForInternationalDomains(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		sender string // D is the domain as it is configured
		from   string // D is the domain as the author writes it
		signed bool
	}{
		"a domain":               {"D", "ann@D", true},
		"an address":             {"ann@D", "ann@D", true},
		"another address":        {"ann@D", "bob@D", false},
		"below":                  {".D", "ann@mail.D", true},
		"not below":              {".D", "ann@D", false},
		"an asterisk":            {"ann@*.D", "ann@mail.D", true},
		"another domain":         {"D", "ann@xD", false},
		"below an asterisk":      {"*@*.D", "ann@mail.D", true},
		"a label too many":       {"D", "ann@D.example", false},
		"international below it": {".D", "ann@grüße.D", true},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for kind, configured := range spellings() {
				k := key(t, configured, "s", "ed25519")
				f, err := dkim.NewSigner(dkim.Config{Signing: dkim.Signing{Rules: []dkim.Rule{
					{Senders: []string{strings.ReplaceAll(c.sender, "D", configured)}, Keys: []dkim.Key{k}},
				}}})
				require.NoError(t, err, kind)
				for wrote, domain := range spellings() {
					res := miltertest.Run(t, f, fromHere("From: "+strings.ReplaceAll(c.from, "D", domain)+"\n\nx\n"))
					if !c.signed {
						assert.Empty(t, res.Header("DKIM-Signature"), "%s, %s", kind, wrote)
						continue
					}
					d := tagD.FindStringSubmatch(res.Header("DKIM-Signature"))
					require.NotNil(t, d, "%s, %s", kind, wrote)
					assert.Equal(t, bucher, d[1], "%s, %s", kind, wrote)
				}
			}
		})
	}
}

// TestInternationalIdentity checks the i= tag and a signing domain that comes
// from the author.
func TestInternationalIdentity(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key  dkim.Key
		want string
	}{
		"domain":   {dkim.Key{AUID: dkim.AUIDDomain}, " i=@" + bucher + ";"},
		"address":  {dkim.Key{AUID: dkim.AUIDAddress}, " i=ann@" + bucher + ";"},
		"identity": {dkim.Key{Identity: "lists@BÜCHER.example"}, " i=lists@" + bucher + ";"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.key.Domain, c.key.Selector, c.key.Signer = "%", "s", private(t, "ed25519")
			f, err := dkim.NewSigner(dkim.Config{Signing: dkim.Signing{Rules: []dkim.Rule{{Senders: []string{"*"}, Keys: []dkim.Key{c.key}}}}})
			require.NoError(t, err)
			res := miltertest.Run(t, f, fromHere("From: ann@bücher.example\n\nx\n"))
			value := strings.ReplaceAll(res.Header("DKIM-Signature"), "\n\t", " ")
			assert.Contains(t, value, c.want)
			assert.Contains(t, value, " d="+bucher+";")
			z := zone{"s._domainkey." + bucher: publish(t, c.key)["s._domainkey.%"]}
			assert.Equal(t, []string{"pass " + bucher}, verify(t, dkim.Verifying{Resolver: z}, delivered(t, res)))
		})
	}
}

// TestPoliciesOfInternationalDomains checks that no form of a domain evades a
// policy, and that a signature with another form counts for the domain (RFC
// 8616).
func TestPoliciesOfInternationalDomains(t *testing.T) {
	t.Parallel()
	k := key(t, bucher, "s", "ed25519")
	z := publish(t, k)
	for kind, configured := range spellings() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{
				Resolver: z, AuthservID: "mx", Policies: map[string]dkim.Policy{configured: {Unsigned: dkim.Reject}},
			}})
			require.NoError(t, err)
			for wrote, domain := range spellings() {
				from := "From: ann@" + domain + "\n"
				res := miltertest.Run(t, f, miltertest.Message(from+"\nx\n"))
				assert.True(t, strings.HasPrefix(res.Reply(), "550 5.7.20"), "%s, %s", wrote, res.Reply())
				signed := craft(t, crafted{key: k.Signer, tags: "v=1; a=ed25519-sha256; c=relaxed/relaxed; s=s; d=" + configured}, from, "x\n")
				res = miltertest.Run(t, f, miltertest.Message(signed))
				res.AssertAccepted(t)
				assert.Contains(t, res.Header("Authentication-Results"), "dkim=pass")
				assert.Contains(t, res.Header("Authentication-Results"), " header.d="+bucher+" ")
			}
		})
	}
}

// TestNoDomain checks that text that is not a domain matches no domain and does
// no harm.
func TestNoDomain(t *testing.T) {
	t.Parallel()
	f, err := dkim.NewSigner(dkim.Config{Signing: dkim.Signing{Rules: []dkim.Rule{
		{Senders: []string{"bücher.example", "*"}, Keys: []dkim.Key{key(t, "%", "s", "ed25519")}},
	}}})
	require.NoError(t, err)
	for _, domain := range []string{"bücher..example", "bücher.example.", "xn--bücher.example", "\u0308.example", "a..example"} {
		res := miltertest.Run(t, f, fromHere("From: ann@"+domain+"\n\nx\n"))
		res.AssertAccepted(t)
		assert.Empty(t, res.Header("DKIM-Signature"), "%q", domain)
	}
	_, err = dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}, Policies: map[string]dkim.Policy{"bü cher.example": {}}}})
	assert.ErrorContains(t, err, `a policy for "bü cher.example"`)
}

// TestSpaceAfterTheColon checks that the space after a colon is restored for an
// MTA that removes it. For an MTA that keeps it, the field is used as sent,
// even without a space.
func TestSpaceAfterTheColon(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	cfg := forExample(k)
	cfg.Header, cfg.Body = dkim.Simple, dkim.Simple
	f := both(t, dkim.Config{Signing: cfg, Verifying: dkim.Verifying{Resolver: zone{}}})
	for name, c := range map[string]struct {
		header string
		hidden bool // the MTA hides spaces
	}{
		"shown":             {"From: ann@example.org\nSubject: x\n", false},
		"shown, none there": {"From:ann@example.org\nSubject:x\nTo:bob\n", false},
		"shown, some there": {"From:ann@example.org\nSubject: x\nTo:\tbob\n", false},
		"hidden":            {"From: ann@example.org\nSubject:  two\n", true},
		"hidden, a tab":     {"From: ann@example.org\nSubject:\tx\n", true},
		"hidden, folded":    {"From: ann@example.org\nSubject: x\n y\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			offer := miltertest.Postfix().MTA
			if c.hidden {
				offer.Offer = mta.PostfixOffer(wire.MaxVersion)
				offer.Offer.Protocol &^= wire.ProtoHdrLeadSpc
			}
			message := delivered(t, miltertest.Run(t, f, fromHere(c.header+"\nx\n"), miltertest.MTA(offer)))
			assert.Contains(t, message, crlf(c.header), "what is signed is what was sent")
			assert.Equal(t, []string{"example.org"}, secondOpinion(t, publish(t, k), message))
		})
	}
}
