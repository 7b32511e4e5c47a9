package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sluicemail/sluice/contrib/configfile"
)

// Errors of LoadKey, CheckKeyMode and GenerateKey.
var (
	// ErrKeyReadable is the error for a key file that its group or other
	// users may read or write.
	ErrKeyReadable = errors.New("the group or other users can read or write the key file; use chmod 0600, or explicitly allow it")
	// ErrKeyWeak is the error for an RSA key of less than 1024 bits.
	// Receivers must not accept such keys (RFC 8301).
	ErrKeyWeak = errors.New("the RSA key has less than 1024 bits")
)

// Sizes of RSA keys in bits.
const (
	// DefaultBits is the size of a new RSA key.
	DefaultBits = 2048
	// MinBits is the minimum size that RFC 8301 allows.
	MinBits = 1024
)

// KeyOption is an option of [LoadKey] and [CheckKeyMode].
type KeyOption func(*keyRules)

type keyRules struct{ readable bool }

// AllowReadable accepts a key file that its group or other users may read or
// write.
func AllowReadable() KeyOption { return func(r *keyRules) { r.readable = true } }

// maxKeyFile limits the size of a key file, in bytes.
const maxKeyFile = 64 << 10

// LoadKey reads a private key from a file, in one of the formats of [ParseKey]. If the
// group or other users may read or write the file, the error matches [ErrKeyReadable],
// unless the options include [AllowReadable]. LoadKey accepts regular files only: see
// [configfile.Read].
func LoadKey(path string, opts ...KeyOption) (crypto.Signer, error) {
	text, info, err := configfile.Read(path, maxKeyFile)
	if err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	if err := CheckKeyMode(info, opts...); err != nil {
		return nil, fmt.Errorf("dkim: %s: %w", path, err)
	}
	key, err := ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("dkim: %s: %w", path, err)
	}
	return key, nil
}

// CheckKeyMode returns [ErrKeyReadable] for a file that its group or other
// users may read or write, unless the options include [AllowReadable].
func CheckKeyMode(info fs.FileInfo, opts ...KeyOption) error {
	var rules keyRules
	for _, opt := range opts {
		opt(&rules)
	}
	if info.Mode().Perm()&0o077 != 0 && !rules.readable {
		return ErrKeyReadable
	}
	return nil
}

// GenerateKey generates a private key. The kind is "rsa" or "ed25519". For
// Ed25519, bits is ignored.
func GenerateKey(kind string, bits int) (crypto.Signer, error) {
	switch {
	case kind == typeEd25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case kind != typeRSA:
		return nil, fmt.Errorf("dkim: unknown kind of key: %q", kind)
	case bits < MinBits:
		return nil, fmt.Errorf("dkim: %w", ErrKeyWeak)
	case bits > maxRSABits:
		return nil, fmt.Errorf("dkim: an RSA key of more than %d bits", maxRSABits)
	}
	return rsa.GenerateKey(rand.Reader, bits)
}

// SaveKey writes a private key in PEM (PKCS #8) to a new file that only its
// owner can read. It returns an error if the file exists.
func SaveKey(path string, key crypto.Signer) (err error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("dkim: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the user names it
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("dkim: %s exists and is not overwritten: %w", path, err)
	}
	if err != nil {
		return fmt.Errorf("dkim: %w", err)
	}
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return errors.Join(err, f.Sync(), f.Close())
}
