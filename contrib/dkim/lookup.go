package dkim

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net"
)

// ErrNoRecord is the error for a selector without a key record in the DNS.
var ErrNoRecord = errors.New("dkim: no key record")

// LookupRecord looks up the key record for a selector and a domain. If the DNS
// answers without a usable record, the error matches [ErrNoRecord],
// [ErrRevoked] or [ErrRecord]. Any other error means that the lookup failed.
func LookupRecord(ctx context.Context, r Resolver, selector, domain string) (*Record, error) {
	if err := CheckNames(selector, domain); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoRecord, err)
	}
	return lookupRecord(ctx, r, selector, domain)
}

// CheckNames returns an error if a selector and a domain, in their ASCII forms,
// do not form a valid DNS name.
func CheckNames(selector, domain string) error {
	switch {
	case !isDomain(asciiDomain(selector)):
		return fmt.Errorf("dkim: %q is not a selector", selector)
	case !isDomain(asciiDomain(domain)):
		return fmt.Errorf("dkim: %q is not a domain", domain)
	case len(RecordName(selector, domain)) > 253:
		return errors.New("dkim: selector and domain are too long")
	default:
		return nil
	}
}

func lookupRecord(ctx context.Context, r Resolver, selector, domain string) (*Record, error) {
	texts, err := r.LookupTXT(ctx, RecordName(selector, domain)+".")
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return nil, ErrNoRecord
	case err != nil:
		return nil, err
	}
	return chooseRecord(texts)
}

// chooseRecord returns the key record among the TXT records of a name. RFC 6376
// section 3.6.2.2 leaves the result for several records undefined. If exactly
// one is a valid key record, chooseRecord ignores the others.
func chooseRecord(texts []string) (*Record, error) {
	var found *Record
	failure := ErrNoRecord
	for _, text := range texts[:min(len(texts), maxTexts)] {
		r, err := ParseRecord(text)
		switch {
		case errors.Is(err, ErrRevoked):
			return nil, err
		case err != nil:
			failure = err
		case found != nil:
			return nil, fmt.Errorf("%w: several records", ErrRecord)
		default:
			found = r
		}
	}
	if found == nil {
		return nil, failure
	}
	return found, nil
}

// maxTexts limits the number of TXT records of a name that are parsed.
const maxTexts = 20

// ErrOtherKey is the error for a selector with a different key in the DNS.
var ErrOtherKey = errors.New("dkim: another key is published")

// CheckPublished looks up the key record for a selector and a domain and checks
// that it contains a public key, so that receivers can verify signatures of
// that key. The error is [ErrOtherKey] or an error of [LookupRecord].
func CheckPublished(ctx context.Context, r Resolver, selector, domain string, public crypto.PublicKey) error {
	record, err := LookupRecord(ctx, r, selector, domain)
	if err != nil {
		return err
	}
	switch {
	case !sameKey(public, record.Public):
		return ErrOtherKey
	case !record.sha256 || !record.email:
		return fmt.Errorf("%w: the h= or s= tag does not allow this use", ErrRecord)
	default:
		return nil
	}
}

func sameKey(a, b crypto.PublicKey) bool {
	key, ok := a.(interface {
		Equal(other crypto.PublicKey) bool
	})
	return ok && key.Equal(b)
}
