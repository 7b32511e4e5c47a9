package trial_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/examples/sluiced/internal/trial"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestShowsAllLookups runs a message through the filters that look up names, some of them beside
// the session. When the trial has ended, the trace has all lookups, and Observe was called.
func TestShowsAllLookups(t *testing.T) {
	t.Parallel()
	var trace resolver.Trace
	var sum *mailauth.Summary
	dns := resolvertest.NewConfig(t, resolver.Config{Observe: trace.Add}, `
		example.org.        TXT "v=spf1 a:mail.example.org -all"
		mail.example.org.   A   192.0.2.1
		_dmarc.example.org. TXT "v=DMARC1; p=reject"
	`, resolvertest.Fail("_domainkey.example.org"))
	auth, err := mailauth.New(mailauth.Config{Resolver: dns, Observe: func(s *mailauth.Summary) { sum = s }})
	require.NoError(t, err)
	r := framework.NewRouter()
	auth.Mount(r)
	m := letter("DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YQ==\n" +
		"Authentication-Results: mx.example.org; dkim=pass\nFrom: ann@example.org\n\n")
	result, err := trial.Run(t.Context(), r, config(mta.Postfix), m)
	require.NoError(t, err)
	assert.Equal(t, trial.Accept, result.Action)
	assert.Len(t, result.Edits.Deleted, 1)
	require.Len(t, result.Results, 1)
	assert.Contains(t, result.Results[0], "mx.example.org;\n\tspf=pass smtp.mailfrom=ann@example.org")
	assert.Equal(t, mailauth.Accept, sum.Action)

	lookups, dropped := trace.Lookups()
	assert.Zero(t, dropped)
	got := make(map[string]string)
	for _, l := range lookups {
		got[l.Name+" "+l.Type.String()] = l.Outcome()
	}
	assert.Equal(t, map[string]string{
		"example.org TXT":               `"v=spf1 a:mail.example.org -all"`,
		"mail.example.org A":            "192.0.2.1",
		"client.example.org TXT":        "no such name",
		"s1._domainkey.example.org TXT": "no usable answer: 192.0.2.53:53: the server answers SERVFAIL",
		"_dmarc.example.org TXT":        `"v=DMARC1; p=reject"`,
	}, got)
}
