package dkim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestPublishedByDomain checks a key with the domain "%": the key of one domain
// being published does not mean that the key of the next domain is.
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

// TestPublishedAmongSeveral checks a key whose selector has several records, as it may
// have while keys change.
func TestPublishedAmongSeveral(t *testing.T) {
	t.Parallel()
	public := private(t, "ed25519").Public()
	right, err := dkim.FormatRecord(public)
	require.NoError(t, err)
	other, err := dkim.FormatRecord(private(t, "ed25519/other").Public())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		texts []string
		want  error
		found int
	}{
		"the right one":           {[]string{right}, nil, 1},
		"the right one twice":     {[]string{right, right}, nil, 1},
		"another before":          {[]string{other, right}, nil, 2},
		"another after":           {[]string{right, other}, nil, 2},
		"a revoked one too":       {[]string{"v=DKIM1; p=", right}, nil, 1},
		"another":                 {[]string{other}, dkim.ErrOtherKey, 1},
		"not for mail":            {[]string{other, right + "; s=other"}, dkim.ErrRecord, 2},
		"not for mail, and right": {[]string{right + "; s=other", right}, nil, 2},
		"revoked":                 {[]string{"v=DKIM1; p="}, dkim.ErrRevoked, 0},
	} {
		z := zone{"s._domainkey.example.org": c.texts}
		err := dkim.CheckPublished(t.Context(), z, "s", "example.org", public)
		if c.want == nil {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, c.want, name)
		}
		records, _ := dkim.LookupRecords(t.Context(), z, "s", "example.org")
		assert.Len(t, records, c.found, name)
	}
}

// TestPublishedOnce checks that a key is not looked up again once it was found,
// and is looked up again as long as it was not found.
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

// TestPublishedAfterAReload checks that a key that was found still signs after a
// reload while the DNS does not answer, and that a new key does not.
func TestPublishedAfterAReload(t *testing.T) {
	t.Parallel()
	k, other := key(t, "example.org", "s", "ed25519"), key(t, "example.org", "s", "ed25519/other")
	f, err := dkim.NewSigner(dkim.Config{Signing: asking(publish(t, k), k)})
	require.NoError(t, err)
	signs := func() bool {
		return miltertest.Run(t, f, fromHere(fromAnn+"\nx\n")).Header("DKIM-Signature") != ""
	}
	require.True(t, signs())
	require.NoError(t, f.Reload(dkim.Config{Signing: asking(broken(t), k)}))
	assert.True(t, signs(), "while the DNS does not answer")
	require.NoError(t, f.Reload(dkim.Config{Signing: asking(broken(t), k)}))
	assert.True(t, signs(), "once more")
	require.NoError(t, f.Reload(dkim.Config{Signing: asking(broken(t), other)}))
	assert.False(t, signs(), "another key in its place")
}

// asking returns a configuration that signs for example.org with keys that a
// DNS publishes.
func asking(r dkim.Resolver, keys ...dkim.Key) dkim.Signing {
	s := forExample(keys...)
	s.Resolver = r
	return s
}

// TestPublishedInTime checks that a message waits at most ten seconds, however
// many keys there are, if the DNS does not answer.
func TestPublishedInTime(t *testing.T) {
	t.Parallel()
	keys := make([]dkim.Key, 5)
	for i := range keys {
		keys[i] = key(t, "example.org", "s"+base10(int64(i)), "ed25519")
	}
	synctest.Test(t, func(t *testing.T) {
		f, err := dkim.NewSigner(dkim.Config{Signing: asking(new(silent), keys...)})
		require.NoError(t, err)
		start := time.Now()
		res := miltertest.Run(t, f, fromHere(fromAnn+"\nx\n"))
		assert.Empty(t, res.Header("DKIM-Signature"))
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
}

// TestRotationByTheClock checks the rotation of keys in a running filter as
// time passes.
func TestRotationByTheClock(t *testing.T) {
	t.Parallel()
	first, second, third := key(t, "example.org", "first", "ed25519"), key(t, "example.org", "second", "ed25519/2"), key(t, "example.org", "third", "ed25519/3")
	synctest.Test(t, func(t *testing.T) {
		day := func(n int) time.Time { return time.Now().Add(time.Duration(n) * 24 * time.Hour) }
		second.Since, third.Since, third.Until = day(1), day(2), day(3)
		dns := publish(t, first, second, third)
		delete(dns, "third._domainkey.example.org")
		f, err := dkim.NewSigner(dkim.Config{Signing: asking(dns, first, second, third)})
		require.NoError(t, err)
		signs := func() []string { return selectorsBy(t, f) }
		assert.Equal(t, []string{"first"}, signs())
		time.Sleep(24*time.Hour - time.Nanosecond)
		assert.Equal(t, []string{"first"}, signs(), "up to its time")
		time.Sleep(time.Nanosecond)
		assert.Equal(t, []string{"second"}, signs())
		time.Sleep(24 * time.Hour)
		assert.Equal(t, []string{"second"}, signs(), "the third is due, and not published")
		dns["third._domainkey.example.org"] = publish(t, third)["third._domainkey.example.org"]
		assert.Equal(t, []string{"third"}, signs())
		time.Sleep(24 * time.Hour)
		assert.Equal(t, []string{"second"}, signs(), "the third is over")
	})
}
