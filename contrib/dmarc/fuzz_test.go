package dmarc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dmarc"
)

// FuzzParseRecord parses arbitrary texts. A record has valid values only, whatever the text, and
// its text in the canonical form means the same.
func FuzzParseRecord(f *testing.F) {
	for _, text := range []string{
		"v=DMARC1; p=none", "v=DMARC1;p=reject;sp=x;rua=mailto:a@b!10m,https://c", "V = DMARC1 ;; np=Reject; t=Y; psd=n; adkim=s; fo=1:d; ruf=mailto:a@b; p=quarantine",
		"v=DMARC1", "v=DMARC1; pct=100; \xff=\x00; p", "v=DMARC1; p=none; rua=%", "v=spf1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := dmarc.ParseRecord(text)
		if err != nil {
			require.ErrorIs(t, err, dmarc.ErrRecord)
			require.Nil(t, r)
			return
		}
		require.Contains(t, []dmarc.Policy{dmarc.PolicyNone, dmarc.PolicyQuarantine, dmarc.PolicyReject}, r.Policy)
		require.NotEmpty(t, r.FailureOptions)
		for _, problem := range r.Problems {
			require.True(t, strings.HasSuffix(problem, "."), problem)
		}
		if r.Usable {
			again, err := dmarc.ParseRecord(canonical(r))
			require.NoError(t, err)
			assert.Equal(t, tags(r), tags(again))
		}
	})
}

// canonical returns a record as text.
func canonical(r *dmarc.Record) string {
	text := "v=DMARC1; p=" + string(r.Policy) + "; psd=" + string(r.PSD) + "; adkim=" + string(r.DKIM) + "; aspf=" + string(r.SPF) + "; fo=" + strings.Join(r.FailureOptions, ":")
	for name, value := range map[string]string{
		"sp": string(r.SubdomainPolicy), "np": string(r.NonexistentPolicy), "rua": strings.Join(r.Aggregate, ","), "ruf": strings.Join(r.Failure, ","),
	} {
		if value != "" {
			text += "; " + name + "=" + value
		}
	}
	if r.Testing {
		text += "; t=y"
	}
	return text
}

// FuzzEvaluate evaluates arbitrary From fields, records and domains. Whatever they are, there is
// a result that can be written, and the number of queries is limited.
func FuzzEvaluate(f *testing.F) {
	f.Add(" Ann <ann@example.com>", "v=DMARC1; p=reject", "example.com")
	f.Add(" a@b.example.com, c@d.example.org", "v=DMARC1; p=none; psd=y; np=reject", "EXAMPLE.com.")
	f.Add(` "a@example.com <b@bücher.example`, "v=DMARC1; p=x", "xn--bcher-kva.example")
	f.Add(" postmaster", "v=spf1", "[192.0.2.1]")
	f.Add(" a@a.b.c.d.e.f.g.h.example.com", "v=DMARC1; p=quarantine; adkim=s; t=y", "")
	f.Fuzz(func(t *testing.T, from, text, domain string) {
		dns := &plain{texts: map[string][]string{"_dmarc.example.com": {text}, "_dmarc.com": {text}, "_dmarc." + domain: {text}}}
		r := dmarc.Evaluate(t.Context(), dns, dmarc.Input{
			From: []string{from}, SPF: []dmarc.SPF{{Result: "pass", Domain: domain}}, DKIM: []dmarc.DKIM{{Result: text, Domain: domain}, {Result: "pass", Domain: "a." + domain}},
		})
		checkResult(t, r)
		assert.LessOrEqual(t, len(dns.asked), maxQueries)
		for _, name := range dns.asked {
			assert.LessOrEqual(t, len(name), 254)
			assert.Equal(t, strings.ToLower(name), name)
		}
	})
}

// FuzzIdentities evaluates arbitrary From fields with arbitrary results of SPF and DKIM. A message
// passes only with a result that passes for a domain of the author's organization, and one without
// exactly one readable From field never passes and is never without a result.
func FuzzIdentities(f *testing.F) {
	f.Add("ann@example.com", "", "pass", "example.com", "fail", "example.com", false)
	f.Add("ann@a.example.com", "bob@example.org", "pass", "", "pass", "b.example.com", true)
	f.Add(`"ann@example.com" <bob@example.org`, "", "Pass", "EXAMPLE.ORG.", "temperror", "evil.org", false)
	f.Add("=?utf-8?q?a=40example.com?= <a@example.com", "", "pass ", "example.com", "pass", "xn--", false)
	f.Fuzz(func(t *testing.T, from, second, spfResult, spfDomain, dkimResult, dkimDomain string, null bool) {
		dns := &plain{texts: map[string][]string{"_dmarc.example.com": {"v=DMARC1; p=reject"}, "_dmarc.example.org": {"v=DMARC1; p=quarantine; aspf=s; adkim=s"}}}
		in := dmarc.Input{
			From: []string{from}, NullSender: null,
			SPF:  []dmarc.SPF{{Result: spfResult, Domain: spfDomain}, {Result: dkimResult, Domain: spfDomain, Identity: dmarc.HELO}},
			DKIM: []dmarc.DKIM{{Result: dkimResult, Domain: dkimDomain}},
		}
		if second != "" {
			in.From = append(in.From, second)
		}
		r := dmarc.Evaluate(t.Context(), dns, in)
		checkResult(t, r)
		if second != "" {
			require.Equal(t, dmarc.StatusPermError, r.Status)
		}
		if r.Status != dmarc.StatusPass {
			return
		}
		id := r.Aligned("spf")
		if id == nil {
			id = r.Aligned("dkim")
		}
		require.NotNil(t, id)
		require.Equal(t, "pass", id.Result)
		organization := "example.org"
		if strings.HasSuffix(r.AuthorDomain, "example.com") {
			organization = "example.com"
		}
		require.True(t, strings.HasSuffix("."+id.Domain, "."+organization), id.Domain)
		require.True(t, strings.HasSuffix("."+r.AuthorDomain, "."+organization), r.AuthorDomain)
	})
}
