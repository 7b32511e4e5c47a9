package dkim_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

func TestConfigurationsRefused(t *testing.T) {
	t.Parallel()
	good := key(t, "example.org", "s", "ed25519")
	with := func(change func(*dkim.Key)) dkim.Config {
		k := good
		change(&k)
		return dkim.Config{Signing: forExample(k), Verifying: dkim.Verifying{Resolver: zone{}}}
	}
	verifying := func(v dkim.Verifying) dkim.Config {
		if v.Resolver == nil {
			v.Resolver = zone{}
		}
		return dkim.Config{Verifying: v}
	}
	signing := func(s dkim.Signing) dkim.Config {
		return dkim.Config{Signing: s, Verifying: dkim.Verifying{Resolver: zone{}}}
	}
	tests := map[string]struct {
		cfg  dkim.Config
		want string
	}{
		"no resolver":       {dkim.Config{}, "verifying needs a resolver"},
		"no domain":         {with(func(k *dkim.Key) { k.Domain = "" }), `"" is not a domain`},
		"no selector":       {with(func(k *dkim.Key) { k.Selector = "a b" }), `"a b" is not a selector`},
		"no key":            {with(func(k *dkim.Key) { k.Signer = nil }), "no private key"},
		"no time":           {with(func(k *dkim.Key) { k.Since, k.Until = now, now }), "the key's Until is not after its Since"},
		"no sender":         {signing(dkim.Signing{Rules: []dkim.Rule{{Keys: []dkim.Key{good}}}}), "rule 1 has no sender"},
		"an empty sender":   {signing(dkim.Signing{Rules: []dkim.Rule{{Senders: []string{" "}, Keys: []dkim.Key{good}}}}), `rule 1: the sender " " matches no address`},
		"Received":          {signing(dkim.Signing{Headers: []string{"received"}}), `"received" must not be signed`},
		"an odd field":      {signing(dkim.Signing{Oversign: []string{"a:b"}}), `"a:b" is not a valid header field name`},
		"a lifetime":        {signing(dkim.Signing{Lifetime: -time.Second}), "the lifetime is negative"},
		"a short lifetime":  {signing(dkim.Signing{Lifetime: time.Second - 1}), "or less than a second"},
		"a policy twice":    {verifying(dkim.Verifying{Policies: map[string]dkim.Policy{"a.example": {}, "A.example": {}}}), `two policies for "a.example"`},
		"a weak limit":      {verifying(dkim.Verifying{MinBits: 512}), "less than 1024 bits"},
		"a number":          {verifying(dkim.Verifying{MaxSignatures: -1}), "is negative"},
		"a line end":        {verifying(dkim.Verifying{AuthservID: "a\nb"}), `"a\nb" is not a name of a host`},
		"a pattern":         {verifying(dkim.Verifying{AuthservID: "*.example.org"}), `"*.example.org" is not a name`},
		"a NUL":             {verifying(dkim.Verifying{AlsoRemove: []string{"a\x00b"}}), `"a\x00b" is not a name of a host`},
		"a pattern too":     {verifying(dkim.Verifying{AlsoRemove: []string{"a", "*.example.org"}}), `"*.example.org" is not a name`},
		"an empty name":     {verifying(dkim.Verifying{AlsoRemove: []string{""}}), "is empty"},
		"a whole name":      {with(func(k *dkim.Key) { k.Selector = "s._domainkey" }), `"s._domainkey" is not a selector; write it without _domainkey`},
		"a wholer name":     {with(func(k *dkim.Key) { k.Selector = "s._DomainKey.example.org" }), "write it without _domainkey"},
		"a policy for none": {verifying(dkim.Verifying{Policies: map[string]dkim.Policy{"a b": {}}}), `a policy for "a b"`},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dkim.New(c.cfg)
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "dkim: configuration: ")
		})
	}
}

// TestKeysThatNeverSign tests which keys never sign, because no address that the patterns of
// their rule match is in their domain.
func TestKeysThatNeverSign(t *testing.T) {
	t.Parallel()
	tests := []struct {
		senders []string
		domain  string
		ok      bool
	}{
		{[]string{"example.org"}, "example.org", true},
		{[]string{"example.org"}, "Example.ORG", true},
		{[]string{"example.org"}, "%", true},
		{[]string{"a.example.org"}, "example.org", true},
		{[]string{"example.org"}, "a.example.org", false},
		{[]string{"example.org"}, "example.net", false},
		{[]string{"example.org"}, "ple.org", false},
		{[]string{"example.net", "example.org"}, "example.org", true},
		{[]string{".example.org"}, "example.org", true},
		{[]string{".example.org"}, "a.example.org", true},
		{[]string{".example.org"}, "org", true},
		{[]string{".example.org"}, "example.net", false},
		{[]string{"*@.example.org"}, "example.net", false},
		{[]string{"ann@example.org"}, "example.org", true},
		{[]string{"ann@example.org"}, "example.net", false},
		{[]string{"*"}, "example.net", true},
		{[]string{"ann*"}, "example.net", true},
		{[]string{"*@*.example.org"}, "example.org", true},
		{[]string{"*@*.example.org"}, "a.b.example.org", true},
		{[]string{"*@*.example.org"}, "example.net", false},
		{[]string{"*ample.org"}, "example.org", true},
		{[]string{"*.myexample.org"}, "example.org", false},
		{[]string{"*@example.*"}, "example.net", true},
		{[]string{"bücher.example"}, "xn--bcher-kva.example", true},
		{[]string{"*@[192.0.2.1]"}, "%", false},
	}
	for _, c := range tests {
		k := key(t, c.domain, "s", "ed25519")
		rule := dkim.Rule{Senders: c.senders, Keys: []dkim.Key{k}}
		err := dkim.CheckUse(&rule, &k)
		assert.Equal(t, c.ok, err == nil, "%s for %s: %v", c.domain, c.senders, err)
		rule.ThirdParty = true
		require.NoError(t, dkim.CheckUse(&rule, &k))
	}
}

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.pem")
	private := private(t, "ed25519")
	require.NoError(t, dkim.SaveKey(path, private))
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o620: false, 0o666: false} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := dkim.LoadKey(path)
		if ok {
			require.NoError(t, err, "%o", mode)
		} else {
			require.ErrorIs(t, err, dkim.ErrKeyReadable, "%o", mode)
		}
		key, err := dkim.LoadKey(path, dkim.AllowReadable())
		require.NoError(t, err)
		assert.Equal(t, private, key)
	}
	_, err := dkim.GenerateKey("rsa", 1023)
	require.ErrorIs(t, err, dkim.ErrKeyWeak)
	_, err = dkim.GenerateKey("rsa", 16384)
	require.Error(t, err)
	_, err = dkim.GenerateKey("dsa", 0)
	require.Error(t, err)
}
