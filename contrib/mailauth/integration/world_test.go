//go:build integration

package integration_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver/realdns"
)

// author is an author domain, and what its owner has published.
type author struct {
	domain string
	// records are the DMARC records, by their names without the first label, _dmarc.
	records map[string][]string
	// status is what DMARC must find whatever SPF and DKIM have found: "none", "temperror", or
	// "" if it depends on them. Then policy is what must happen if nothing is aligned.
	status, policy string
	strict         bool
	// ghost means that the domain does not exist: no name at or below it.
	ghost bool
}

// authors are the author domains of the generator.
func authors() []author {
	at := func(domain string, texts ...string) map[string][]string { return map[string][]string{domain: texts} }
	return []author{
		{domain: "reject.example", records: at("reject.example", "v=DMARC1; p=reject"), policy: "reject"},
		{domain: "a.b.reject.example", policy: "reject"},
		{domain: "quarantine.example", records: at("quarantine.example", "v=DMARC1; p=quarantine; rua=mailto:x@quarantine.example"), policy: "quarantine"},
		{domain: "none.example", records: at("none.example", "v=DMARC1;p=none"), policy: "none"},
		{domain: "sub.sp.example", records: at("sp.example", "v=DMARC1; p=reject; sp=quarantine; np=reject"), policy: "quarantine"},
		{domain: "ghost.sp.example", policy: "reject", ghost: true},
		{domain: "brand.psd.example", records: at("psd.example", "v=DMARC1; p=none; sp=quarantine; psd=y"), policy: "quarantine"},
		{domain: "ghost.psd2.example", records: at("psd2.example", "v=DMARC1; p=none; np=reject; psd=y"), policy: "reject", ghost: true},
		{domain: "x.dept.corp.example", records: map[string][]string{
			"dept.corp.example": {"v=DMARC1; p=quarantine; psd=n"}, "corp.example": {"v=DMARC1; p=reject"},
		}, policy: "quarantine"},
		{domain: "strict.example", records: at("strict.example", "v=DMARC1; p=reject; adkim=s; aspf=s"), policy: "reject", strict: true},
		{domain: "test.example", records: at("test.example", "v=DMARC1; p=reject; t=y"), policy: "quarantine"},
		{domain: "testing.example", records: at("testing.example", "v=DMARC1; p=quarantine; t=y"), policy: "none"},
		{domain: "typo.example", records: at("typo.example", "v=DMARC1; p=rejekt; rua=mailto:x@typo.example"), policy: "none"},
		{domain: "useless.example", records: at("useless.example", "v=DMARC1; p=rejekt"), status: "none"},
		{domain: "twice.example", records: at("twice.example", "v=DMARC1; p=reject", "v=DMARC1; p=none"), status: "none"},
		{domain: "norecord.example", status: "none"},
		{domain: "deadpolicy.example", status: "temperror"},
	}
}

// organizations are the organizational domains that are not the domains themselves.
var organizations = []string{
	"reject.example", "quarantine.example", "none.example", "sp.example", "dept.corp.example", "corp.example", "strict.example",
	"test.example", "testing.example", "typo.example", "useless.example",
}

// organizationOf returns the organizational domain of a name: the model of a tree walk.
func organizationOf(name string) string {
	for _, org := range organizations { // the longer ones first
		if name == org || strings.HasSuffix(name, "."+org) {
			return org
		}
	}
	for _, suffix := range []string{".psd.example", ".psd2.example"} {
		if rest, ok := strings.CutSuffix(name, suffix); ok {
			return rest[strings.LastIndexByte(rest, '.')+1:] + suffix
		}
	}
	return name
}

// unrelated is a domain that is aligned with no author.
const unrelated = "other.net"

// spfResults are the results that SPF can have for a client that "pass" allows.
var spfResults = []string{"pass", "fail", "softfail", "neutral", "none", "permerror", "temperror"}

// spfRecord returns the record of a domain, or "" for none.
func spfRecord(result string) string {
	return map[string]string{
		"pass":      "v=spf1 ip4:127.0.0.2 ip4:192.0.2.7 ip6:2001:db8::7 -all",
		"fail":      "v=spf1 ip4:203.0.113.1 -all",
		"softfail":  "v=spf1 ~all",
		"neutral":   "v=spf1 ?all",
		"permerror": "v=spf1 ipx:127.0.0.1 -all",
		"temperror": "v=spf1 include:x.dead.net -all",
	}[result]
}

// keys sign for all domains, each under a selector.
type keys struct {
	rsa, arc crypto.Signer
	ed25519  ed25519.PrivateKey
}

// The selectors of keys.
const (
	rsaSelector, ed25519Selector, arcSelector             = "r1", "e1", "arc"
	missingSelector, revokedSelector, deadSelector        = "missing", "revoked", "dead"
	trustedSealer, otherSealer, ownDomain, authservDomain = "trusted.net", "lists.net", "example.test", "mx.example.test"
)

func newKeys(t *testing.T) *keys {
	t.Helper()
	k := &keys{}
	var err error
	k.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	k.arc, err = rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, k.ed25519, err = ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return k
}

// record returns the TXT record of a public key, as a master file has it.
func record(t *testing.T, selector, domain string, key crypto.Signer) string {
	t.Helper()
	kind := "rsa"
	var public []byte
	switch key := key.Public().(type) {
	case ed25519.PublicKey:
		kind, public = "ed25519", key
	default:
		var err error
		public, err = x509.MarshalPKIXPublicKey(key)
		require.NoError(t, err)
	}
	text := "v=DKIM1; k=" + kind + "; p=" + base64.StdEncoding.EncodeToString(public)
	var parts []string
	for len(text) > 200 {
		parts, text = append(parts, fmt.Sprintf("%q", text[:200])), text[200:]
	}
	return fmt.Sprintf("%s._domainkey.%s. TXT %s %q\n", selector, domain, strings.Join(parts, " "), text)
}

// zone returns the DNS of the world.
func zone(t *testing.T, k *keys) realdns.Zone {
	t.Helper()
	z := realdns.Zone{MinTTL: 300, Dead: []string{"dead.net", "_dmarc.deadpolicy.example"}}
	var b strings.Builder
	signers := []string{unrelated}
	for _, a := range authors() {
		for name, texts := range a.records {
			for _, text := range texts {
				fmt.Fprintf(&b, "_dmarc.%s. TXT %q\n", name, text)
			}
		}
		if !a.ghost {
			signers = append(signers, a.domain)
		}
	}
	signers = append(signers, "sp.example", "y.corp.example")
	for _, name := range signers {
		fmt.Fprintf(&b, "%s. TXT %q\n", name, spfRecord("pass"))
		for _, result := range spfResults {
			fmt.Fprintf(&b, "spf-%s.%s. A 192.0.2.9\n", result, name)
			if text := spfRecord(result); text != "" {
				fmt.Fprintf(&b, "spf-%s.%s. TXT %q\n", result, name, text)
			}
		}
		for _, domain := range []string{name, "mail." + name} {
			b.WriteString(record(t, rsaSelector, domain, k.rsa) + record(t, ed25519Selector, domain, k.ed25519))
			fmt.Fprintf(&b, "%s._domainkey.%s. TXT \"v=DKIM1; p=\"\n", revokedSelector, domain)
			z.Dead = append(z.Dead, deadSelector+"._domainkey."+domain)
		}
	}
	for _, name := range []string{trustedSealer, otherSealer, ownDomain} {
		b.WriteString(record(t, arcSelector, name, k.arc))
	}
	z.Text = b.String()
	return z
}
