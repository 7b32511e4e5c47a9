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
	key, ok := public.(interface {
		Equal(other crypto.PublicKey) bool
	})
	switch {
	case !ok || !key.Equal(record.Public):
		return ErrOtherKey
	case !record.sha256 || !record.email:
		return fmt.Errorf("%w: its h= or s= tag does not allow this use", ErrRecord)
	default:
		return nil
	}
}
