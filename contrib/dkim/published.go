package dkim

import (
	"context"
	"crypto"
	"errors"
	"fmt"
)

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

// keepPublished takes over from an earlier configuration which keys the DNS was
// seen to have, so that a reload while it does not answer stops no signing.
func (s *signing) keepPublished(earlier *signing) {
	seen := make(map[string]crypto.PublicKey)
	for _, rule := range earlier.list {
		for _, k := range rule.keys {
			if k.published.Load() {
				seen[RecordName(k.Selector, k.Domain)] = k.Signer.Public()
			}
		}
	}
	for _, rule := range s.list {
		for _, k := range rule.keys {
			k.published.Store(sameKey(k.Signer.Public(), seen[RecordName(k.Selector, k.Domain)]))
		}
	}
}
