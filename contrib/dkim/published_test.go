package dkim_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestPublishedByDomain: that one domain has published a key says nothing of
// the next, where the key is for all of them.
func TestPublishedByDomain(t *testing.T) {
	t.Parallel()
	k := key(t, "%", "s", "ed25519")
	dns := &counting{zone: zone{"s._domainkey.a.example": publish(t, k)["s._domainkey.%"]}}
	f, err := dkim.NewSigner(dkim.Config{Signing: dkim.Signing{Rules: []dkim.Rule{{Senders: []string{"*"}, Keys: []dkim.Key{k}}}, Resolver: dns}})
	require.NoError(t, err)
	for _, c := range []struct {
		domain string
		signed bool
	}{{"a.example", true}, {"b.example", false}, {"a.example", true}} {
		res := miltertest.Run(t, f, fromHere("From: ann@"+c.domain+"\n\nx\n"))
		res.AssertAccepted(t)
		assert.Equal(t, c.signed, res.Header("DKIM-Signature") != "", c.domain)
	}
	assert.Equal(t, map[string]int{"s._domainkey.a.example.": 2, "s._domainkey.b.example.": 1}, dns.asked)
}

// TestPublishedOnce: a key that was seen is not asked for again, and one that was
// not is.
func TestPublishedOnce(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "s", "ed25519")
	dns := &counting{zone: zone{}}
	cfg := forExample(k)
	cfg.Resolver = dns
	f, err := dkim.NewSigner(dkim.Config{Signing: cfg})
	require.NoError(t, err)
	send := func() bool {
		return miltertest.Run(t, f, fromHere(fromAnn+"\nx\n")).Header("DKIM-Signature") != ""
	}
	assert.False(t, send())
	assert.False(t, send())
	assert.Equal(t, 2, dns.asked["s._domainkey.example.org."])
	dns.zone = publish(t, k)
	assert.True(t, send(), "it goes live by itself")
	dns.zone = zone{}
	assert.True(t, send())
	assert.Equal(t, 3, dns.asked["s._domainkey.example.org."])
}
