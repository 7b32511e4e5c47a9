package dkim

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/sluicemail/sluice/contrib/internal/beside"
	"github.com/sluicemail/sluice/contrib/internal/deadline"
	"github.com/sluicemail/sluice/contrib/resolver"
)

// ErrNoRecord is the error for a selector without a key record in the DNS.
var ErrNoRecord = errors.New("dkim: no key record")

// LookupRecords looks up the usable key records for a selector and a domain. There
// should be one, but some domains leave the old record in place when they change
// the key. A verifier tries each (RFC 6376 section 6.1.2). LookupRecords returns
// eight at most, without repetitions.
//
// If the DNS answers without a usable record, the error matches [ErrNoRecord],
// [ErrRevoked] or [ErrRecord]. Any other error means that the lookup failed.
func LookupRecords(ctx context.Context, r Resolver, selector, domain string) ([]*Record, error) {
	return lookupNamed(ctx, r, ParseRecord, selector, domain)
}

// parseFunc is [ParseRecord], or the same with a cache.
type parseFunc func(text string) (*Record, error)

// lookupNamed looks up records of names that it checks.
func lookupNamed(ctx context.Context, r Resolver, parse parseFunc, selector, domain string) ([]*Record, error) {
	if err := CheckNames(selector, domain); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoRecord, err)
	}
	return lookupRecords(ctx, r, parse, selector, domain)
}

// CheckNames returns an error if a selector and a domain, in their ASCII forms,
// do not form a valid DNS name.
func CheckNames(selector, domain string) error {
	switch {
	case checkSelector(asciiDomain(selector)) != nil:
		return fmt.Errorf("dkim: %q %w", selector, checkSelector(asciiDomain(selector)))
	case !isDomain(asciiDomain(domain)):
		return fmt.Errorf("dkim: %q is not a domain", domain)
	case len(RecordName(selector, domain)) > maxDomain:
		return errors.New("dkim: selector and domain are too long")
	default:
		return nil
	}
}

func lookupRecords(ctx context.Context, r Resolver, parse parseFunc, selector, domain string) ([]*Record, error) {
	texts, err := r.LookupTXT(ctx, RecordName(selector, domain)+".")
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return nil, ErrNoRecord
	case errors.Is(err, resolver.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	case err != nil:
		return nil, err
	}
	return usableRecords(parse, texts)
}

// keyName is the name of a signature's key records, or zero if the result of the
// signature is known without them.
type keyName struct{ selector, domain string }

// keyAnswer is what the DNS answered about a name.
type keyAnswer struct {
	records []*Record
	err     error
}

// lookUp looks up key records concurrently. With the Resolver of contrib/resolver, the
// budget bounds the lookups at the same time. Each signature has one. The context
// limits the time, and so does Verifying.Timeout. lookUp uses nothing of the message, so
// that it may run longer.
func (v *verifying) lookUp(ctx context.Context, names []keyName) []keyAnswer {
	n := len(names)
	ctx, cancel := deadline.Context(resolver.WithBudget(ctx, resolver.NewBudget(n, n)), v.timeout)
	defer cancel()
	answers := make([]keyAnswer, n)
	var keys beside.Group
	for i, name := range names {
		if name != (keyName{}) {
			keys.Go(func() {
				answers[i].records, answers[i].err = lookupRecords(ctx, v.resolver, v.records.parse, name.selector, name.domain)
			})
		}
	}
	keys.Wait()
	return answers
}

// Limits of an answer: the TXT records of a name that are parsed, and the key
// records among them that are tried.
const (
	maxTexts   = 20
	maxRecords = 8
)

// usableRecords returns the key records among the TXT records of a name. If none
// is usable, the error says that the key is revoked if one of them says so, and
// otherwise why the last one is not usable.
func usableRecords(parse parseFunc, texts []string) ([]*Record, error) {
	var records []*Record
	failure := ErrNoRecord
	for i, text := range texts[:min(len(texts), maxTexts)] {
		if slices.Contains(texts[:i], text) {
			continue
		}
		r, err := parse(text)
		switch {
		case err == nil:
			records = append(records, r)
		case !errors.Is(failure, ErrRevoked):
			failure = err
		}
		if len(records) == maxRecords {
			break
		}
	}
	if len(records) == 0 {
		return nil, failure
	}
	return records, nil
}

// ErrOtherKey is the error for a selector with a different key in the DNS.
var ErrOtherKey = errors.New("dkim: another key is published")

// CheckPublished looks up the key records for a selector and a domain and checks
// that one of them contains a public key, so that receivers can verify signatures
// of that key. The error is [ErrOtherKey] or an error of [LookupRecords].
func CheckPublished(ctx context.Context, r Resolver, selector, domain string, public crypto.PublicKey) error {
	records, err := LookupRecords(ctx, r, selector, domain)
	if err != nil {
		return err
	}
	err = ErrOtherKey
	for _, record := range records {
		switch {
		case !sameKey(public, record.Public):
		case !record.ForMail():
			err = fmt.Errorf("%w: the h= or s= tag does not allow this use", ErrRecord)
		default:
			return nil
		}
	}
	return err
}

func sameKey(a, b crypto.PublicKey) bool {
	key, ok := a.(interface {
		Equal(other crypto.PublicKey) bool
	})
	return ok && key.Equal(b)
}
