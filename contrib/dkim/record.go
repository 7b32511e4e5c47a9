package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/contrib/internal/tags"
)

// Errors of ParseRecord.
var (
	// ErrRecord is the error for a text that is not a key record, or whose
	// key cannot be used.
	ErrRecord = errors.New("dkim: key record unusable")
	// ErrRevoked is the error for a record with an empty p= tag, which
	// means that the key is revoked.
	ErrRevoked = errors.New("dkim: key revoked")
)

// The names of the kinds of keys in signatures and records.
const (
	typeRSA     = "rsa"
	typeEd25519 = "ed25519"
)

// Record is a key record, which publishes a public key in the DNS.
type Record struct {
	// Type is the kind of key: "rsa" or "ed25519".
	Type string
	// Public is an *rsa.PublicKey or an ed25519.PublicKey.
	Public crypto.PublicKey
	// Bits is the size of the key: 2048 for most RSA keys, 256 for Ed25519.
	Bits int
	// Testing reports whether the domain is testing DKIM (t=y).
	Testing bool
	// Strict reports whether the domain of i= must equal d= (t=s). If
	// false, it may be a subdomain.
	Strict bool

	sha256 bool // h= allows SHA-256
	email  bool // s= allows email
}

// ForMail reports whether the record allows signatures of mail with SHA-256, the only hash that
// RFC 8301 leaves. The tags h= and s= of a record can exclude them.
func (r *Record) ForMail() bool { return r.sha256 && r.email }

// maxRecord limits the length of a record that is parsed, in bytes. The record
// for a key of 8192 bits has 1,500 bytes.
const maxRecord = 16 << 10

// ParseRecord parses a key record. The text is the TXT record at
// SELECTOR._domainkey.DOMAIN, with its strings joined. The error matches
// [ErrRevoked] or [ErrRecord].
func ParseRecord(text string) (*Record, error) {
	if len(text) > maxRecord {
		return nil, fmt.Errorf("%w: the record is too long", ErrRecord)
	}
	list, err := tags.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if v, ok := list.Find("v"); ok && (v.Value != "DKIM1" || list[0].Name != "v") {
		return nil, fmt.Errorf("%w: the version is not DKIM1 or is not the first tag", ErrRecord)
	}
	p, ok := list.Find("p")
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: the p= tag is missing", ErrRecord)
	case p.Value == "":
		return nil, ErrRevoked
	}
	der, err := base64.StdEncoding.DecodeString(tags.Squeeze(p.Value))
	if err != nil {
		return nil, fmt.Errorf("%w: the p= tag is not base64", ErrRecord)
	}
	r := &Record{Type: tags.Word(list.Get("k")), sha256: true, email: true}
	if err := r.parseKey(der); err != nil {
		return nil, err
	}
	r.parseLimits(list)
	return r, nil
}

// parseLimits parses the tags that restrict the use of the key. It ignores
// unknown words, as RFC 6376 section 3.6.1 requires.
func (r *Record) parseLimits(list tags.List) {
	if h, ok := list.Find("h"); ok {
		r.sha256 = slices.Contains(tags.Words(h.Value), "sha256")
	}
	if s, ok := list.Find("s"); ok {
		services := tags.Words(s.Value)
		r.email = slices.Contains(services, "*") || slices.Contains(services, "email")
	}
	flags := tags.Words(list.Get("t"))
	r.Testing, r.Strict = slices.Contains(flags, "y"), slices.Contains(flags, "s")
}

func (r *Record) parseKey(der []byte) error {
	switch r.Type {
	case typeRSA, "":
		r.Type = typeRSA
		key, err := parseRSA(der)
		if err != nil {
			return err
		}
		r.Public, r.Bits = key, key.N.BitLen()
	case typeEd25519:
		if len(der) != ed25519.PublicKeySize {
			return fmt.Errorf("%w: an Ed25519 key has 32 bytes", ErrRecord)
		}
		r.Public, r.Bits = ed25519.PublicKey(der), 8*ed25519.PublicKeySize
	default:
		return fmt.Errorf("%w: unknown type of key", ErrRecord)
	}
	return nil
}

// maxRSABits limits the size of RSA keys and so the cost of a verification.
const maxRSABits = 8192

// parseRSA parses a SubjectPublicKeyInfo or an RSAPublicKey. RFC 6376 names
// each of the two in a different place (erratum 3017).
func parseRSA(der []byte) (*rsa.PublicKey, error) {
	var key *rsa.PublicKey
	if public, err := x509.ParsePKIXPublicKey(der); err == nil {
		var ok bool
		if key, ok = public.(*rsa.PublicKey); !ok {
			return nil, fmt.Errorf("%w: the key is not an RSA key", ErrRecord)
		}
	} else if key, err = x509.ParsePKCS1PublicKey(der); err != nil {
		return nil, fmt.Errorf("%w: the p= tag is not an RSA key", ErrRecord)
	}
	if key.N.BitLen() > maxRSABits {
		return nil, fmt.Errorf("%w: an RSA key of more than %d bits", ErrRecord, maxRSABits)
	}
	return key, nil
}

// FormatRecord returns the key record for a public key. The key must be an
// *rsa.PublicKey or an ed25519.PublicKey.
func FormatRecord(public crypto.PublicKey) (string, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return "", fmt.Errorf("dkim: %w", err)
		}
		return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der), nil
	case ed25519.PublicKey:
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(key), nil
	default:
		return "", fmt.Errorf("dkim: not a DKIM key: %T", public)
	}
}

// maxString is the maximum length of a string in a TXT record, in bytes.
const maxString = 255

// ZoneLine returns a key record as a line of a zone file. The line contains the
// record as quoted strings of at most 255 bytes.
func ZoneLine(selector, domain, record string) string {
	var b strings.Builder
	b.WriteString(RecordName(selector, domain) + ". IN TXT (")
	for part := range slices.Chunk([]byte(record), maxString) {
		b.WriteString(` "` + string(part) + `"`)
	}
	b.WriteString(" )")
	return b.String()
}

// RecordName returns the DNS name of the key record for a selector and a
// domain, in ASCII form and without a trailing dot.
func RecordName(selector, domain string) string {
	return asciiDomain(selector) + "._domainkey." + asciiDomain(domain)
}
