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
	"io"
	"io/fs"
	"os"
)

// Errors of LoadKey, CheckKeyMode and GenerateKey.
var (
	// ErrKeyReadable is the error for a file that others than its owner may
	// read.
	ErrKeyReadable = errors.New("others than the owner can read or change the key; chmod 0600, or allow it by name")
	// ErrKeyWeak is the error for an RSA key of less than 1024 bits, which no
	// receiver may accept (RFC 8301).
	ErrKeyWeak = errors.New("an RSA key of less than 1024 bits")
)

// The sizes of RSA keys.
const (
	// DefaultBits is the size of a new RSA key.
	DefaultBits = 2048
	// MinBits is the least that RFC 8301 allows.
	MinBits = 1024
)

// KeyOption changes what LoadKey and CheckKeyMode accept.
type KeyOption func(*keyRules)

type keyRules struct{ readable bool }

// AllowReadable accepts a key that others than the owner of its file can read.
func AllowReadable() KeyOption { return func(r *keyRules) { r.readable = true } }

// maxKeyFile is far above what a key takes.
const maxKeyFile = 64 << 10

// LoadKey reads a private key in PEM: PKCS #8, or PKCS #1 as older tools write
// RSA keys. A file that its group or others may read or write is refused.
func LoadKey(path string, opts ...KeyOption) (crypto.Signer, error) {
	f, err := os.Open(path) //nolint:gosec // the configuration names it
	if err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	if err := CheckKeyMode(info, opts...); err != nil {
		return nil, fmt.Errorf("dkim: %s: %w", path, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("dkim: %s: %w", path, err)
	}
	key, err := ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("dkim: %s: %w", path, err)
	}
	return key, nil
}

// CheckKeyMode returns [ErrKeyReadable] for a file that its group or others may
// read or write, unless the options allow that.
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

// ParseKey reads a private key in PEM, as [LoadKey] does.
func ParseKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no key in PEM")
	}
	var (
		key any
		err error
	)
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("%q in place of a private key", block.Type)
	}
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("neither an RSA nor an Ed25519 key")
	}
	if _, err := keyType(signer); err != nil {
		return nil, err
	}
	return signer, nil
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
		return "", errors.New("neither an RSA nor an Ed25519 key")
	}
}

// GenerateKey makes a private key, kind "rsa" with the given bits, or
// "ed25519", for which bits does not count.
func GenerateKey(kind string, bits int) (crypto.Signer, error) {
	switch {
	case kind == typeEd25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case kind != typeRSA:
		return nil, fmt.Errorf("dkim: no such kind of key: %q", kind)
	case bits < MinBits:
		return nil, fmt.Errorf("dkim: %w", ErrKeyWeak)
	case bits > maxRSABits:
		return nil, fmt.Errorf("dkim: an RSA key of more than %d bits", maxRSABits)
	}
	return rsa.GenerateKey(rand.Reader, bits)
}

// SaveKey writes a private key in PEM (PKCS #8) to a new file that only its
// owner can read. A file that is there already is an error.
func SaveKey(path string, key crypto.Signer) (err error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("dkim: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the user names it
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("dkim: %s is there already, and is not overwritten: %w", path, err)
	}
	if err != nil {
		return fmt.Errorf("dkim: %w", err)
	}
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return errors.Join(err, f.Sync(), f.Close())
}
