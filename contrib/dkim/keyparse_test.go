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
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// TestKeyTexts parses what tools write around, before or in place of a private
// key.
func TestKeyTexts(t *testing.T) {
	t.Parallel()
	key, ok := private(t, "rsa").(*rsa.PrivateKey)
	require.True(t, ok)
	ed, ok := private(t, "ed25519").(ed25519.PrivateKey)
	require.True(t, ok)
	other, ok := private(t, "ed25519/other").(ed25519.PrivateKey)
	require.True(t, ok)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	agreement, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(curve)
	require.NoError(t, err)
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return der
	}
	p1, p8 := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), block("PRIVATE KEY", pkcs8(key))
	public := block("PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey))
	certificate := block("CERTIFICATE", []byte("not read"))
	legacy := string(pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Bytes: pkcs8(key),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"},
	}))
	b64 := base64.StdEncoding.EncodeToString
	const encrypted = "the private key is encrypted; write it without a passphrase: openssl pkey -in KEY -out NEWKEY"
	tests := map[string]struct {
		text string
		want crypto.Signer
		says string
	}{
		"after a certificate":         {certificate + p8, key, ""},
		"after a chain":               {"Bag Attributes\n" + certificate + certificate + p1, key, ""},
		"after parameters":            {block("DH PARAMETERS", nil) + block("EC PARAMETERS", nil) + p8, key, ""},
		"after a public key":          {public + p8, key, ""},
		"before a certificate":        {p8 + certificate, key, ""},
		"the first of two":            {block("PRIVATE KEY", pkcs8(ed)) + p8, ed, ""},
		"a byte order mark":           {"\ufeff" + p8, key, ""},
		"the line ends of Windows":    {strings.ReplaceAll(certificate+p1, "\n", "\r\n"), key, ""},
		"a mark and those line ends":  {"\ufeff" + strings.ReplaceAll(p8, "\n", "\r\n"), key, ""},
		"PKCS #8 named as PKCS #1":    {block("RSA PRIVATE KEY", pkcs8(key)), key, ""},
		"PKCS #1 named as PKCS #8":    {block("PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), key, ""},
		"a seed, as dkimpy keeps it":  {b64(ed.Seed()) + "\n", ed, ""},
		"seed and public key, rspamd": {b64(ed) + "\n", ed, ""},
		"a seed without padding":      {strings.TrimRight(b64(ed.Seed()), "=") + "\r\n", ed, ""},
		"a seed with a mark":          {"\ufeff" + b64(ed.Seed()), ed, ""},
		"PKCS #8 in bare base64":      {b64(pkcs8(key)), key, ""},
		"Ed25519 in bare base64":      {b64(pkcs8(ed)), ed, ""},

		"another public key":       {b64(append(ed.Seed(), other.Public().(ed25519.PublicKey)...)), nil, "last 32 are not the public key"},
		"base64, too short":        {b64(ed.Seed()[:31]), nil, "base64 of 31 bytes; an Ed25519 key has 32 bytes, or 64 with its public key"},
		"base64, too long":         {b64(make([]byte, 65)), nil, "base64 of 65 bytes"},
		"encrypted, PKCS #8":       {block("ENCRYPTED PRIVATE KEY", pkcs8(key)), nil, encrypted},
		"encrypted, older":         {legacy, nil, encrypted},
		"encrypted, then another":  {legacy + p8, nil, encrypted},
		"an EC key":                {block("EC PRIVATE KEY", sec1), nil, "an EC key; DKIM signs with an RSA or Ed25519 key"},
		"an EC key, PKCS #8":       {block("PRIVATE KEY", pkcs8(curve)), nil, "an EC key"},
		"an EC key, misnamed":      {block("PRIVATE KEY", sec1), nil, "an EC key"},
		"a key for agreements":     {block("PRIVATE KEY", pkcs8(agreement)), nil, "an EC key"},
		"a DSA key":                {block("DSA PRIVATE KEY", nil), nil, `"DSA PRIVATE KEY": neither an RSA nor an Ed25519 key`},
		"a key of OpenSSH":         {block("OPENSSH PRIVATE KEY", nil), nil, "ssh-keygen -p -m PEM"},
		"Ed25519 of OpenSSH":       {block("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00\x00\x0bssh-ed25519")), nil, "make a new one: openssl genpkey -algorithm ed25519"},
		"a seed in hexadecimal":    {hex.EncodeToString(ed.Seed()) + "\n", nil, "the text is hexadecimal; an Ed25519 key is 32 bytes in base64: xxd -r -p"},
		"both halves, hexadecimal": {strings.ToUpper(hex.EncodeToString(ed)), nil, "the text is hexadecimal"},
		"only a certificate":       {certificate, nil, `want a private key, got "CERTIFICATE"`},
		"only a public key":        {certificate + public, nil, `want a private key, got "PUBLIC KEY"`},
		"DER":                      {string(pkcs8(key)), nil, "openssl pkey -inform DER"},
		"DER of Ed25519":           {string(pkcs8(ed)), nil, "openssl pkey -inform DER"},
		"UTF-16":                   {"\xff\xfe" + littleEndian(p8), nil, "the file is in UTF-16; save it in UTF-8"},
		"without its end":          {p8[:100], nil, "the PEM data is malformed"},
		"nothing":                  {"", nil, "no PEM data found, and no key in base64"},
		"a mark alone":             {"\ufeff", nil, "no PEM data found"},
		"the record of the key":    {"v=DKIM1; k=rsa; p=AAAA", nil, "no PEM data found"},
		"nothing between the ends": {block("PRIVATE KEY", nil), nil, "asn1"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := dkim.ParseKey([]byte(c.text))
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				assert.Nil(t, got)
				return
			}
			require.NoError(t, err)
			assert.True(t, c.want.(interface{ Equal(crypto.PrivateKey) bool }).Equal(got))
		})
	}
	_, err = dkim.ParseKey([]byte(legacy))
	assert.ErrorIs(t, err, dkim.ErrKeyEncrypted)
}

func littleEndian(text string) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = append(out, byte(unit), byte(unit>>8))
	}
	return string(out)
}

func FuzzParseKey(f *testing.F) {
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	f.Add("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
	f.Add("\xff\xfe-\x00")
	f.Fuzz(func(t *testing.T, text string) {
		if key, err := dkim.ParseKey([]byte(text)); err == nil {
			require.NotNil(t, key.Public())
		}
	})
}
