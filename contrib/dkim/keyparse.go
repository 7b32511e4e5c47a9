package dkim

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// ErrKeyEncrypted is the error of LoadKey and ParseKey for a private key that a
// passphrase protects.
var ErrKeyEncrypted = errors.New("the private key is encrypted; write it without a passphrase: openssl pkey -in KEY -out NEWKEY")

// Errors of ParseKey about what a file has in place of a private key.
var (
	errNoKey     = errors.New("no PEM data found, and no key in base64")
	errUTF16     = errors.New("the file is in UTF-16; save it in UTF-8")
	errDER       = errors.New("the file is in DER; convert it to PEM: openssl pkey -inform DER -in KEY -out NEWKEY")
	errOpenSSH   = errors.New("the key is in the format of OpenSSH; convert an RSA key to PEM: ssh-keygen -p -m PEM -f KEY")
	errOpenSSHEd = errors.New("the key is an Ed25519 key in the format of OpenSSH, which ssh-keygen does not convert; " +
		"make a new one: openssl genpkey -algorithm ed25519 -out NEWKEY")
	errHexSeed   = errors.New("the text is hexadecimal; an Ed25519 key is 32 bytes in base64: xxd -r -p KEY | base64 > NEWKEY")
	errEC        = errors.New("an EC key; DKIM signs with an RSA or Ed25519 key")
	errKeyKind   = errors.New("neither an RSA nor an Ed25519 key")
	errKeyHalves = errors.New("an Ed25519 key of 64 bytes whose last 32 are not the public key of the first 32")
)

// byteOrderMark is what some editors write at the beginning of a text in UTF-8.
const byteOrderMark = "\ufeff"

// ParseKey parses a private key. The text is in one of these formats. A byte
// order mark at its beginning is ignored, and its lines may end in CRLF.
//
//   - PEM with the key in PKCS #8, or in PKCS #1, which older tools use for RSA
//     keys. The first private key counts, as in OpenSSL. It may follow
//     certificates, parameters and public keys.
//   - An Ed25519 key in base64: the 32 bytes of its seed (RFC 8032), as dkimpy
//     keeps it, or 64 bytes, the seed and the public key, as rspamd keeps it.
//   - A key in PKCS #8 or PKCS #1 in base64 without the lines of PEM.
//
// The error says what the text is, if it is not a private key that can sign
// mail. It matches [ErrKeyEncrypted] for an encrypted key, and [ErrKeyWeak] for
// an RSA key of less than 1024 bits.
func ParseKey(text []byte) (crypto.Signer, error) {
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	key, err := parsePEM(text)
	if errors.Is(err, errNoKey) {
		key, err = parseBare(text)
	}
	if err != nil {
		return nil, err
	}
	return signerOf(key)
}

// signerOf returns a parsed key as a signer, if it can sign mail.
func signerOf(key any) (crypto.Signer, error) {
	switch key := key.(type) {
	case *ecdsa.PrivateKey, *ecdh.PrivateKey:
		return nil, errEC
	case crypto.Signer:
		if _, err := keyType(key); err != nil {
			return nil, err
		}
		return key, nil
	default:
		return nil, errKeyKind
	}
}

// parsePEM returns the first private key among the blocks of a text. It returns
// errNoKey if the text has no block.
func parsePEM(text []byte) (any, error) {
	other := ""
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		switch {
		case block == nil && other == "":
			return nil, errNoKey
		case block == nil:
			return nil, fmt.Errorf("want a private key, got %q", other)
		case block.Type == "OPENSSH PRIVATE KEY" && bytes.Contains(block.Bytes, []byte("ssh-ed25519")):
			return nil, errOpenSSHEd
		case block.Type == "OPENSSH PRIVATE KEY":
			return nil, errOpenSSH
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return parseBlock(block)
		case other == "" || strings.HasSuffix(block.Type, "PUBLIC KEY"):
			other = block.Type
		}
	}
}

// parseBlock parses a block with a private key.
func parseBlock(block *pem.Block) (any, error) {
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") || block.Headers["DEK-Info"] != "":
		return nil, ErrKeyEncrypted
	case block.Type == "EC PRIVATE KEY":
		return nil, errEC
	case block.Type == "RSA PRIVATE KEY" || block.Type == "PRIVATE KEY":
		return parseDER(block.Bytes)
	default:
		return nil, fmt.Errorf("%q: %w", block.Type, errKeyKind)
	}
}

// parseDER parses a key in PKCS #8 or PKCS #1. Some tools write the name of the
// one around the other, and OpenSSL reads such files too.
func parseDER(der []byte) (any, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err == nil {
		return key, nil
	}
	if rsaKey, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return rsaKey, nil
	}
	if _, err := x509.ParseECPrivateKey(der); err == nil {
		return nil, errEC
	}
	if strings.Contains(err.Error(), "unknown algorithm") { // a key of Ed448 or DSA
		return nil, fmt.Errorf("%w: %w", errKeyKind, err)
	}
	return nil, err
}

// parseBare parses a key without the lines of PEM.
func parseBare(text []byte) (any, error) {
	switch {
	case bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")):
		return nil, errUTF16
	case bytes.HasPrefix(text, []byte("\x30\x82")) || bytes.HasPrefix(text, []byte("\x30\x2e\x02")):
		return nil, errDER
	case bytes.Contains(text, []byte("-----BEGIN")):
		return nil, errors.New("the PEM data is malformed: want the lines BEGIN and END, and base64 between them")
	}
	squeezed := strings.Join(strings.Fields(string(text)), "")
	if bare, err := hex.DecodeString(squeezed); err == nil && (len(bare) == ed25519.SeedSize || len(bare) == ed25519.PrivateKeySize) {
		return nil, errHexSeed
	}
	raw, err := base64.StdEncoding.DecodeString(squeezed)
	if err != nil {
		raw, err = base64.RawStdEncoding.DecodeString(squeezed)
	}
	switch {
	case err != nil || len(raw) < ed25519.SeedSize/2: // a word can be base64, too
		return nil, errNoKey
	case raw[0] == 0x30 && len(raw) > ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize:
		return parseDER(raw)
	case len(raw) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(raw), nil
	case len(raw) != ed25519.PrivateKeySize:
		return nil, fmt.Errorf("base64 of %d bytes; an Ed25519 key has 32 bytes, or 64 with its public key", len(raw))
	}
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if !bytes.Equal(key, raw) {
		return nil, errKeyHalves
	}
	return key, nil
}

// keyType returns the kind of a private key that can sign mail.
func keyType(key crypto.Signer) (string, error) {
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < MinBits {
			return "", ErrKeyWeak
		}
		return typeRSA, nil
	case ed25519.PublicKey:
		return typeEd25519, nil
	default:
		return "", errKeyKind
	}
}
