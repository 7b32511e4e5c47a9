package dmarc_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// key is the key of all signatures and seals in the tests.
var key = sync.OnceValue(func() crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// signers are the domains that publish the key at the selector s.
var signers = []string{"list.example", "sealer.example", "other.example", "reject.example"}

// signedWorld returns the DNS of the tests of the filter with the key.
func signedWorld(t testing.TB) *resolver.Resolver {
	t.Helper()
	record, err := dkim.FormatRecord(key().Public())
	require.NoError(t, err)
	zone := filterWorld
	for _, domain := range signers {
		zone += "\ns._domainkey." + domain + `. TXT "` + record[:200] + `" "` + record[200:] + "\"\n"
	}
	return resolvertest.New(t, zone)
}

// signed returns a message that a domain has signed.
func signed(t *testing.T, msg *mta.Message, domain string) *mta.Message {
	t.Helper()
	signer, err := dkim.NewSigner(dkim.Config{
		Trust: dkim.Trust{Networks: prefixes("0.0.0.0/0")},
		Signing: dkim.Signing{Rules: []dkim.Rule{{
			Senders: []string{"*"}, ThirdParty: true, Keys: []dkim.Key{{Domain: domain, Selector: "s", Signer: key()}},
		}}},
	})
	require.NoError(t, err)
	res := miltertest.Run(t, signer, msg)
	res.AssertAccepted(t)
	return edited(res, msg)
}

// edited returns the message that a filter has left behind.
func edited(res *miltertest.Result, msg *mta.Message) *mta.Message {
	out := *msg
	out.Header = res.Edited.Header
	return &out
}

// sealed returns a message that a domain has sealed, with what it says about the message.
func sealed(t *testing.T, msg *mta.Message, domain, said string) *mta.Message {
	t.Helper()
	verifier, err := arc.NewVerifier(arc.VerifierConfig{Resolver: signedWorld(t), AuthservID: domain})
	require.NoError(t, err)
	sealer, err := arc.NewSealer(arc.SealerConfig{Domain: domain, Selector: "s", Signer: key(), AuthservID: domain})
	require.NoError(t, err)
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("results", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.InsertTop(s, "Authentication-Results", domain+"; "+said)
		})
		return nil
	}))
	r.Mount(verifier)
	r.Mount(sealer)
	res := miltertest.RunRouter(t, r, msg)
	res.AssertAccepted(t)
	require.NotEmpty(t, res.Header("ARC-Seal"), res.Logs)
	return edited(res, msg)
}

// receive runs a message through SPF, DKIM, ARC and DMARC, and returns the outcome.
func receive(t *testing.T, cfg dmarc.Config, msg *mta.Message) (*miltertest.Result, *dmarc.Outcome) {
	t.Helper()
	var told observed
	cfg.Resolver, cfg.Observe = signedWorld(t), told.observe
	f := filter(t, cfg)
	sender, verifier := checkers(t, signedWorld(t))
	chain, err := arc.NewVerifier(arc.VerifierConfig{Resolver: signedWorld(t), AuthservID: host})
	require.NoError(t, err)
	r := framework.NewRouter()
	for _, f := range []framework.Filter{sender, verifier, chain, f} {
		r.Mount(f)
	}
	res := miltertest.RunRouter(t, r, msg)
	require.Len(t, told.list, 1, "%s", res.Reply())
	return res, told.list[0]
}

// forwarded is a message of reject.example that another domain passes on.
func forwarded(opts ...miltertest.MessageOption) *mta.Message {
	return letter("ann@reject.example", append([]miltertest.MessageOption{miltertest.From("list@list.example")}, opts...)...)
}

// A forwarder is known by what it cannot forge. It excepts a message from the policy, the result
// stays fail, and the field says why.
func TestForwarders(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		forwarder dmarc.Forwarder
		message   *mta.Message
		want      string // the exception, or "" if there is none
	}{
		"SPF":                  {dmarc.Forwarder{Domains: []string{"List.Example."}}, forwarded(), "trusted_forwarder spf=pass for list.example"},
		"a list":               {dmarc.Forwarder{Domains: []string{"list.example"}, MailingList: true}, forwarded(), "mailing_list spf=pass for list.example"},
		"HELO":                 {dmarc.Forwarder{Domains: []string{"example.org"}}, forwarded(), "trusted_forwarder spf (HELO)=pass for client.example.org"},
		"DKIM":                 {dmarc.Forwarder{Domains: []string{"sealer.example"}}, signed(t, forwarded(), "sealer.example"), "trusted_forwarder dkim=pass for sealer.example"},
		"network":              {dmarc.Forwarder{Networks: prefixes("192.0.2.0/24")}, forwarded(), "trusted_forwarder client 192.0.2.1"},
		"both":                 {dmarc.Forwarder{Networks: prefixes("192.0.2.0/24"), Domains: []string{"list.example"}}, forwarded(), "trusted_forwarder client 192.0.2.1, spf=pass for list.example"},
		"its authors":          {dmarc.Forwarder{Domains: []string{"list.example"}, Authors: []string{"example"}}, forwarded(), "trusted_forwarder spf=pass for list.example"},
		"other authors":        {dmarc.Forwarder{Domains: []string{"list.example"}, Authors: []string{"good.example"}}, forwarded(), ""},
		"another network":      {dmarc.Forwarder{Networks: prefixes("198.51.100.0/24"), Domains: []string{"list.example"}}, forwarded(), ""},
		"another domain":       {dmarc.Forwarder{Networks: prefixes("192.0.2.0/24"), Domains: []string{"other.example"}}, forwarded(), ""},
		"SPF does not pass":    {dmarc.Forwarder{Domains: []string{"list.example"}}, forwarded(miltertest.Client("198.51.100.7")), ""},
		"a name that ends so":  {dmarc.Forwarder{Domains: []string{"st.example"}}, forwarded(), ""},
		"a name above":         {dmarc.Forwarder{Domains: []string{"lists.list.example"}}, forwarded(), ""},
		"a broken signature":   {dmarc.Forwarder{Domains: []string{"other.example"}}, broken(signed(t, forwarded(), "other.example")), ""},
		"and one of two fails": {dmarc.Forwarder{Domains: []string{"other.example"}}, broken(signed(t, signed(t, forwarded(), "other.example"), "sealer.example")), ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, o := receive(t, dmarc.Config{Actions: dmarc.Actions{Reject: dmarc.Reject}, Forwarders: []dmarc.Forwarder{{Domains: []string{"no.example"}}, c.forwarder}}, c.message)
			assert.Equal(t, dmarc.StatusFail, o.Status)
			if c.want == "" {
				res.AssertRejected(t)
				assert.Nil(t, o.Override)
				return
			}
			require.NotNil(t, o.Override)
			kind, comment, _ := strings.Cut(c.want, " ")
			assert.Equal(t, dmarc.Override{Type: dmarc.OverrideType(kind), Comment: comment}, *o.Override)
			assert.Equal(t, dmarc.PolicyNone, o.Disposition())
			assert.True(t, strings.HasPrefix(dmarcLine(t, res), `fail reason="`+kind+": "+comment+"; No domain"), dmarcLine(t, res))
		})
	}
}

// broken returns a message that was changed since.
func broken(msg *mta.Message) *mta.Message {
	out := *msg
	out.Body = []byte("What?\r\n")
	return &out
}

// A chain that passes excepts a message from the policy if its newest sealer is trusted and has
// seen the message pass. Nothing else does.
func TestTrustedSealers(t *testing.T) {
	t.Parallel()
	const passed = "dmarc=pass header.from=reject.example"
	tests := map[string]struct {
		message *mta.Message
		want    string
	}{
		"dmarc passed":             {sealed(t, forwarded(), "sealer.example", passed), "dmarc"},
		"dkim passed":              {sealed(t, forwarded(), "sealer.example", "dmarc=none; dkim=pass header.d=reject.example"), "dkim"},
		"spf passed":               {sealed(t, forwarded(), "sealer.example", "spf=pass smtp.mailfrom=ann@reject.example"), "spf"},
		"a subdomain passed":       {sealed(t, forwarded(), "sealer.example", "dkim=pass header.d=a.reject.example"), "dkim"},
		"dmarc failed":             {sealed(t, forwarded(), "sealer.example", "dmarc=fail header.from=reject.example; dkim=pass header.d=other.example"), ""},
		"another author passed":    {sealed(t, forwarded(), "sealer.example", "dmarc=pass header.from=other.example"), ""},
		"nothing passed":           {sealed(t, forwarded(), "sealer.example", "none"), ""},
		"an unknown sealer":        {sealed(t, forwarded(), "other.example", passed), ""},
		"an unknown newest sealer": {sealed(t, sealed(t, forwarded(), "sealer.example", passed), "other.example", passed), ""},
		"the newest is trusted":    {sealed(t, sealed(t, forwarded(), "other.example", passed), "sealer.example", passed), "dmarc"},
		"the chain is broken":      {broken(sealed(t, forwarded(), "sealer.example", passed)), ""},
		"no chain":                 {forwarded(), ""},
		"helo passed":              {sealed(t, forwarded(), "sealer.example", "spf=pass smtp.helo=reject.example"), ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, o := receive(t, dmarc.Config{Actions: dmarc.Actions{Reject: dmarc.Reject}, TrustedSealers: []string{"SEALER.example"}}, c.message)
			assert.Equal(t, dmarc.StatusFail, o.Status)
			if c.want == "" {
				res.AssertRejected(t)
				assert.Nil(t, o.Override)
				return
			}
			res.AssertAccepted(t)
			require.NotNil(t, o.Override)
			assert.Equal(t, dmarc.LocalPolicy, o.Override.Type)
			assert.Regexp(t, `^arc=pass as\[\d]\.d=sealer\.example as\[\d]\.s=s, which saw `+c.want+`=pass$`, o.Override.Comment)
		})
	}
}

// A strict record does not let a subdomain stand for the author that a sealer has seen.
func TestSealerAndStrictAlignment(t *testing.T) {
	t.Parallel()
	record, err := dkim.FormatRecord(key().Public())
	require.NoError(t, err)
	zone := "_dmarc.strict.example. TXT \"v=DMARC1; p=reject; adkim=s; aspf=s\"\n" +
		"s._domainkey.sealer.example. TXT \"" + record[:200] + `" "` + record[200:] + "\"\n"
	dns := resolvertest.New(t, zone)
	sender, verifier := checkers(t, dns)
	chain, err := arc.NewVerifier(arc.VerifierConfig{Resolver: dns, AuthservID: host})
	require.NoError(t, err)
	for said, want := range map[string]bool{
		"dkim=pass header.d=a.strict.example": false, "spf=pass smtp.mailfrom=b@a.strict.example": false,
		"dkim=pass header.d=strict.example": true, "spf=pass smtp.mailfrom=strict.example": true, "dmarc=pass header.from=a@strict.example": true,
	} {
		r := framework.NewRouter()
		for _, f := range []framework.Filter{sender, verifier, chain, filter(t, dmarc.Config{Resolver: dns, TrustedSealers: []string{"sealer.example"}, Actions: dmarc.Actions{Reject: dmarc.Reject}})} {
			r.Mount(f)
		}
		res := miltertest.RunRouter(t, r, sealed(t, letter("ann@strict.example"), "sealer.example", said))
		assert.Equal(t, want, res.Delivered(), said)
	}
}
