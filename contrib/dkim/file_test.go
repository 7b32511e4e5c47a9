package dkim_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// TestLineEndsOfFiles signs the same message in files with different line ends,
// read in pieces of any size.
func TestLineEndsOfFiles(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	cfg := forExample(k)
	cfg.Header, cfg.Body, cfg.NoTime = dkim.Simple, dkim.Simple, true
	same := []string{
		"From: ann@example.org\r\nSubject: a\r\n b\r\n\r\none\r\n\r\ntwo\r\n",
		"From: ann@example.org\nSubject: a\n b\n\none\n\ntwo\n",
		"From: ann@example.org\r\nSubject: a\n b\n\r\none\n\r\ntwo\r\n",
		"From: ann@example.org\nSubject: a\n b\n\none\r\n\ntwo",
	}
	want, err := dkim.Sign(cfg, strings.NewReader(same[0]))
	require.NoError(t, err)
	for _, text := range same {
		got, err := dkim.Sign(cfg, strings.NewReader(text))
		require.NoError(t, err)
		assert.Equal(t, want, got, "%q", text)
		got, err = dkim.Sign(cfg, iotest.OneByteReader(strings.NewReader(text)))
		require.NoError(t, err)
		assert.Equal(t, want, got, "%q", text)
	}
}

func TestFilesThatAreNoMessages(t *testing.T) {
	t.Parallel()
	cfg := forExample(key(t, "example.org", "e", "ed25519"))
	tests := map[string]string{
		"white space first": " From: ann@example.org\n\nx\n",
		"no colon":          "From ann@example.org\n\nx\n",
		"a huge header":     "From: ann@example.org\n" + strings.Repeat("X: y\n", 2<<20),
	}
	for name, text := range tests {
		_, err := dkim.Sign(cfg, strings.NewReader(text))
		require.Error(t, err, name)
		assert.NotErrorIs(t, err, dkim.ErrNotSigned, name)
		_, err = dkim.Verify(t.Context(), dkim.Verifying{Resolver: zone{}}, strings.NewReader(text))
		require.Error(t, err, name)
	}
	_, err := dkim.Sign(cfg, iotest.ErrReader(errors.New("broken disk")))
	require.ErrorContains(t, err, "broken disk")
	_, err = dkim.Sign(cfg, strings.NewReader("From: eve@example.net\n\nx\n"))
	require.ErrorIs(t, err, dkim.ErrNotSigned)
}

// TestRotation tests the keys of a rotation. Keys form a rotation if they have
// the same domain and kind.
func TestRotation(t *testing.T) {
	t.Parallel()
	old, next := key(t, "example.org", "old", "ed25519"), key(t, "example.org", "next", "ed25519/2")
	later, gone, rsa := key(t, "example.org", "later", "ed25519/3"), key(t, "example.org", "gone", "ed25519/4"), key(t, "example.org", "r", "rsa1024")
	next.Since, later.Since, gone.Until = now.AddDate(0, 0, -1), now.AddDate(0, 0, 1), now
	tests := map[string]struct {
		keys      []dkim.Key
		published []dkim.Key // nil: the DNS is not queried
		want      []string
	}{
		"the latest":             {[]dkim.Key{old, next, later, gone}, nil, []string{"next"}},
		"each kind of its own":   {[]dkim.Key{rsa, old, next}, nil, []string{"r", "next"}},
		"two without dates":      {[]dkim.Key{old, gone, key(t, "example.org", "two", "ed25519/5")}, nil, []string{"old", "two"}},
		"the latest, published":  {[]dkim.Key{old, next}, []dkim.Key{old, next}, []string{"next"}},
		"the latest, not yet":    {[]dkim.Key{old, next}, []dkim.Key{old}, []string{"old"}},
		"none, published":        {[]dkim.Key{old, next}, []dkim.Key{}, nil},
		"another one, published": {[]dkim.Key{next}, []dkim.Key{{Domain: "example.org", Selector: "next", Signer: old.Signer}}, nil},
		"all over":               {[]dkim.Key{gone}, nil, nil},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := forExample(c.keys...)
			if c.published != nil {
				cfg.Resolver = publish(t, c.published...)
			}
			assert.Equal(t, c.want, selectors(t, dkim.Config{Signing: cfg, Now: clock}))
		})
	}
}

// TestCostlyFiles tests headers that would take much time or memory in a naive
// implementation. To copy the first for each of its lines would take many minutes, and
// exceed the time of the test. No time is compared.
func TestCostlyFiles(t *testing.T) {
	t.Parallel()
	cfg := forExample(key(t, "example.org", "e", "ed25519"))
	folded := "From: ann@example.org\nX: " + strings.Repeat("x\n ", 2<<20) + "\n\nx\n"
	_, err := dkim.Sign(cfg, strings.NewReader(folded))
	require.NoError(t, err)
	_, err = dkim.Sign(cfg, endless{})
	assert.ErrorContains(t, err, "too large")
}

// endless is a line that does not end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
