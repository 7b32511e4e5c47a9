package signed

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
)

// Verifies reports whether signature data is the signature of a SHA-256 hash. The key must be
// an *rsa.PublicKey or an ed25519.PublicKey. Ed25519 signs the hash like a message (RFC 8463
// section 3).
func Verifies(public crypto.PublicKey, digest, data []byte) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, data) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, digest, data)
	default:
		return false
	}
}

// Sign signs a SHA-256 hash with an RSA or an Ed25519 key.
func Sign(key crypto.Signer, digest []byte) ([]byte, error) {
	opts := crypto.SHA256
	if _, ok := key.Public().(ed25519.PublicKey); ok {
		opts = 0
	}
	return key.Sign(rand.Reader, digest, opts)
}
