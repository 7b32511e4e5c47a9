package dkim

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net"
)

// ErrNoRecord is the error for a selector that the DNS has no record for.
var ErrNoRecord = errors.New("dkim: no key record")

// LookupRecord looks up a selector's key record. The error is [ErrNoRecord],
// [ErrRevoked] or [ErrRecord] where the DNS has answered, and another where it
// has not.
func LookupRecord(ctx context.Context, r Resolver, selector, domain string) (*Record, error) {
	if err := CheckNames(selector, domain); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoRecord, err)
	}
	return lookupRecord(ctx, r, selector, domain)
}

// CheckNames reports whether a selector and a domain make a name of the DNS, if
// need be in their ASCII form.
func CheckNames(selector, domain string) error {
	switch {
	case !isDomain(asciiDomain(selector)):
		return fmt.Errorf("dkim: %q is no selector", selector)
	case !isDomain(asciiDomain(domain)):
		return fmt.Errorf("dkim: %q is no domain", domain)
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

// chooseRecord finds the key record among what a name has. RFC 6376 section
// 3.6.2.2 leaves open what several mean; if one of them alone is a key record,
// the others are texts of another kind.
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
			return nil, fmt.Errorf("%w: there are several", ErrRecord)
		default:
			found = r
		}
	}
	if found == nil {
		return nil, failure
	}
	return found, nil
}

// maxTexts bounds the TXT records of a name that are looked at.
const maxTexts = 20

// ErrOtherKey is the error for a selector under which another key is
// published.
var ErrOtherKey = errors.New("dkim: another key is published")

// CheckPublished looks up a selector's key record and compares it with a public
// key: with what the DNS says, receivers can verify signatures. The errors are
// those of [LookupRecord], and [ErrOtherKey].
func CheckPublished(ctx context.Context, r Resolver, selector, domain string, public crypto.PublicKey) error {
	record, err := LookupRecord(ctx, r, selector, domain)
	if err != nil {
		return err
	}
	switch {
	case !sameKey(public, record.Public):
		return ErrOtherKey
	case !record.sha256 || !record.email:
		return fmt.Errorf("%w: its h= or s= tag does not allow this use", ErrRecord)
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
