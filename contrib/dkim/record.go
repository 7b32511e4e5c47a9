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

	"github.com/sluicemail/sluice/contrib/dkim/internal/tags"
)

// Errors of ParseRecord.
var (
	// ErrRecord is the error for a text that is no key record, or whose key
	// cannot be used.
	ErrRecord = errors.New("dkim: key record unusable")
	// ErrRevoked is the error for a record whose p= tag is empty: the key was
	// taken back.
	ErrRevoked = errors.New("dkim: key revoked")
)

// The kinds of keys, as signatures and records name them.
const (
	typeRSA     = "rsa"
	typeEd25519 = "ed25519"
)

// Record is a public key as the DNS publishes it.
type Record struct {
	// Type is the kind of key: "rsa" or "ed25519".
	Type string
	// Public is an *rsa.PublicKey or an ed25519.PublicKey.
	Public crypto.PublicKey
	// Bits is the key's size: 2048 for most RSA keys, 256 for Ed25519.
	Bits int
	// Testing tells that the domain is testing DKIM (t=y).
	Testing bool
	// Strict tells that i= may not be in a subdomain of d= (t=s).
	Strict bool

	sha256 bool // h= allows it
	email  bool // s= does
}

// maxRecord bounds a record that is looked at. One for a key of 8192 bits has
// 1,500 bytes.
const maxRecord = 16 << 10

// ParseRecord reads a key record: the strings of a TXT record at
// SELECTOR._domainkey.DOMAIN joined together.
func ParseRecord(text string) (*Record, error) {
	if len(text) > maxRecord {
		return nil, fmt.Errorf("%w: it is too long", ErrRecord)
	}
	list, err := tags.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if v, ok := list.Find("v"); ok && (v.Value != "DKIM1" || list[0].Name != "v") {
		return nil, fmt.Errorf("%w: its version is not DKIM1, or does not come first", ErrRecord)
	}
	p, ok := list.Find("p")
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: it has no p= tag", ErrRecord)
	case p.Value == "":
		return nil, ErrRevoked
	}
	der, err := base64.StdEncoding.DecodeString(tags.Squeeze(p.Value))
	if err != nil {
		return nil, fmt.Errorf("%w: p= is not in base64", ErrRecord)
	}
	r := &Record{Type: list.Get("k"), sha256: true, email: true}
	if err := r.parseKey(der); err != nil {
		return nil, err
	}
	r.parseLimits(list)
	return r, nil
}

// parseLimits reads what the record allows. Words that nobody knows are passed
// over, as RFC 6376 section 3.6.1 wants it.
func (r *Record) parseLimits(list tags.List) {
	if h, ok := list.Find("h"); ok {
		r.sha256 = slices.Contains(tags.Items(h.Value), "sha256")
	}
	if s, ok := list.Find("s"); ok {
		services := tags.Items(s.Value)
		r.email = slices.Contains(services, "*") || slices.Contains(services, "email")
	}
	flags := tags.Items(list.Get("t"))
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

// maxRSABits bounds what a verification may cost.
const maxRSABits = 8192

// parseRSA reads a SubjectPublicKeyInfo, or an RSAPublicKey as the RFC's text
// has it in another place (erratum 3017).
func parseRSA(der []byte) (*rsa.PublicKey, error) {
	var key *rsa.PublicKey
	if public, err := x509.ParsePKIXPublicKey(der); err == nil {
		var ok bool
		if key, ok = public.(*rsa.PublicKey); !ok {
			return nil, fmt.Errorf("%w: the key is not an RSA key", ErrRecord)
		}
	} else if key, err = x509.ParsePKCS1PublicKey(der); err != nil {
		return nil, fmt.Errorf("%w: p= is no RSA key", ErrRecord)
	}
	if key.N.BitLen() > maxRSABits {
		return nil, fmt.Errorf("%w: an RSA key of more than %d bits", ErrRecord, maxRSABits)
	}
	return key, nil
}

// FormatRecord returns the key record for a public key: an *rsa.PublicKey or an
// ed25519.PublicKey.
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
		return "", fmt.Errorf("dkim: no DKIM key: %T", public)
	}
}

// maxString is the longest string of a TXT record.
const maxString = 255

// ZoneLine returns a key record as a line of a zone file: the text in quoted
// strings of at most 255 bytes.
func ZoneLine(selector, domain, record string) string {
	var b strings.Builder
	b.WriteString(RecordName(selector, domain) + ". IN TXT (")
	for part := range slices.Chunk([]byte(record), maxString) {
		b.WriteString(` "` + string(part) + `"`)
	}
	b.WriteString(" )")
	return b.String()
}

// RecordName returns the name at which a selector's record is published, in its
// ASCII form.
func RecordName(selector, domain string) string {
	return asciiDomain(selector) + "._domainkey." + asciiDomain(domain)
}
