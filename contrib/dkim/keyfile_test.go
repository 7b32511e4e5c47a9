package dkim_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// TestKeysOfAllKinds tests the formats in which tools write keys, and files
// without a key that can sign.
func TestKeysOfAllKinds(t *testing.T) {
	t.Parallel()
	key, ok := private(t, "rsa").(*rsa.PrivateKey)
	require.True(t, ok)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	agreement, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return der
	}
	tests := map[string]struct {
		kind string
		der  []byte
		says string // or "" if it can sign
	}{
		"RSA, PKCS #1":          {"RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), ""},
		"RSA, PKCS #8":          {"PRIVATE KEY", pkcs8(key), ""},
		"Ed25519":               {"PRIVATE KEY", pkcs8(private(t, "ed25519")), ""},
		"another curve":         {"PRIVATE KEY", pkcs8(curve), "an EC key"},
		"a key for agreements":  {"PRIVATE KEY", pkcs8(agreement), "an EC key"},
		"encrypted":             {"ENCRYPTED PRIVATE KEY", pkcs8(key), "the private key is encrypted"},
		"cut short":             {"PRIVATE KEY", pkcs8(key)[:100], "asn1"},
		"a public key":          {"PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey), `want a private key, got "PUBLIC KEY"`},
		"nothing between lines": {"PRIVATE KEY", nil, "asn1"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "key.pem")
			text := append([]byte("a remark, as some tools write it\n"), pem.EncodeToMemory(&pem.Block{Type: c.kind, Bytes: c.der})...)
			require.NoError(t, os.WriteFile(path, text, 0o600))
			_, err := dkim.LoadKey(path)
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err, path)
		})
	}
}

// weakSigner is a key of 1023 bits, such as a hardware token could hold.
type weakSigner struct{ crypto.Signer }

func (weakSigner) Public() crypto.PublicKey { return weakKey() }

func TestWeakSigners(t *testing.T) {
	t.Parallel()
	_, err := dkim.NewSigner(dkim.Config{Signing: forExample(dkim.Key{Domain: "example.org", Selector: "s", Signer: weakSigner{}})})
	assert.ErrorIs(t, err, dkim.ErrKeyWeak)
}

// TestFilesOfKeys tests special files instead of a key file, and links to key
// files.
func TestFilesOfKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link := filepath.Join(dir, "key.pem"), filepath.Join(dir, "link.pem")
	k := private(t, "ed25519")
	require.NoError(t, dkim.SaveKey(path, k))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.NoError(t, os.Symlink(path, link))
	got, err := dkim.LoadKey(link)
	require.NoError(t, err)
	assert.Equal(t, k, got)
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = dkim.LoadKey(link)
	require.ErrorIs(t, err, dkim.ErrKeyReadable, "the key counts, not the link")

	before, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, taken := range []string{path, link} {
		require.ErrorContains(t, dkim.SaveKey(taken, private(t, "ed25519/new")), "not overwritten")
	}
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	dangling := filepath.Join(dir, "dangling.pem")
	require.NoError(t, os.Symlink(filepath.Join(dir, "elsewhere"), dangling))
	require.ErrorContains(t, dkim.SaveKey(dangling, k), "not overwritten")
	assert.NoFileExists(t, filepath.Join(dir, "elsewhere"))

	_, err = dkim.LoadKey(dir)
	require.Error(t, err)
	_, err = dkim.LoadKey(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	large := filepath.Join(dir, "large.pem")
	require.NoError(t, os.WriteFile(large, append(make([]byte, 1<<20), before...), 0o600))
	_, err = dkim.LoadKey(large)
	assert.ErrorContains(t, err, "larger than 65536 bytes")
}

// TestZoneLine tests records with a length at the boundaries of a string.
func TestZoneLine(t *testing.T) {
	t.Parallel()
	for n, want := range map[int][]int{1: {1}, 255: {255}, 256: {255, 1}, 511: {255, 255, 1}} {
		line := dkim.ZoneLine("s", "Bücher.example", strings.Repeat("x", n))
		text, ok := strings.CutPrefix(line, `s._domainkey.xn--bcher-kva.example. IN TXT ( "`)
		require.True(t, ok, line)
		text, ok = strings.CutSuffix(text, `" )`)
		require.True(t, ok, line)
		var got []int
		for part := range strings.SplitSeq(text, `" "`) {
			got = append(got, len(part))
		}
		assert.Equal(t, want, got)
	}
	_, err := dkim.FormatRecord(new(ecdsa.PublicKey))
	assert.ErrorContains(t, err, "not a DKIM key: *ecdsa.PublicKey")
}

func TestActions(t *testing.T) {
	t.Parallel()
	for want, name := range []string{"accept", "quarantine", "tempfail", "reject"} {
		got, err := dkim.ParseAction(name)
		require.NoError(t, err)
		assert.Equal(t, dkim.Accept+dkim.Action(want), got)
		assert.Equal(t, name, got.String())
	}
	for _, name := range []string{"", "Reject", "action 5", "discard", "unset"} {
		_, err := dkim.ParseAction(name)
		assert.Error(t, err, name)
	}
	assert.Equal(t, "unset", dkim.Unset.String())
	assert.Equal(t, "action 5", dkim.Action(5).String())
}

// TestSignersOfOtherKinds checks that any crypto.Signer with an Ed25519 key can
// sign.
func TestSignersOfOtherKinds(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "s", "ed25519")
	asked := new(countingSigner)
	asked.Signer = k.Signer
	cfg := forExample(dkim.Key{Domain: "example.org", Selector: "s", Signer: asked})
	fields, err := dkim.Sign(cfg, strings.NewReader(letter))
	require.NoError(t, err)
	assert.Equal(t, 1, asked.n)
	assert.Equal(t, []string{"pass example.org"}, verify(t, dkim.Verifying{Resolver: publish(t, k)}, strings.Join(fields, "")+letter))
	require.IsType(t, ed25519.PrivateKey{}, asked.Signer)
}

type countingSigner struct {
	crypto.Signer
	n int
}

func (s *countingSigner) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	s.n++
	return s.Signer.Sign(r, digest, opts)
}
