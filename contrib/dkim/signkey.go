package dkim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// signKey is a checked [Key].
type signKey struct {
	Key
	kind      string
	published atomic.Bool // the key was found in the DNS
}

func newSignKey(k *Key) (*signKey, error) {
	key := &signKey{Key: *k}
	key.Domain, key.Selector = asciiDomain(k.Domain), asciiDomain(k.Selector)
	switch {
	case key.Domain != fromDomain && !isDomain(key.Domain):
		return nil, fmt.Errorf("%q is not a domain", k.Domain)
	case checkSelector(key.Selector) != nil:
		return nil, fmt.Errorf("%q %w", k.Selector, checkSelector(key.Selector))
	case k.Signer == nil:
		return nil, errors.New("no private key")
	case !k.Until.IsZero() && !k.Since.Before(k.Until):
		return nil, errors.New("the key's Until is not after its Since")
	}
	var err error
	key.kind, err = keyType(k.Signer)
	return key, err
}

// Errors of checkSelector.
var (
	errNotSelector = errors.New("is not a selector")
	errWithLabel   = errors.New("is not a selector; write it without _domainkey, which is added")
)

// checkSelector checks a selector in its ASCII form.
func checkSelector(selector string) error {
	switch {
	case !isDomain(selector):
		return errNotSelector
	case selector == "_domainkey" || strings.HasSuffix(selector, "._domainkey") || strings.Contains(selector, "._domainkey."):
		return errWithLabel
	default:
		return nil
	}
}

// fromDomain stands for the domain of the From field in a key's Domain and
// Identity.
const fromDomain = "%"

// domainFor returns the signing domain of a key for an author.
func (k *signKey) domainFor(author string) string {
	if k.Domain != fromDomain {
		return k.Domain
	}
	_, domain := splitAddress(author)
	return strings.ToLower(domain)
}

// isValid reports whether a time is between Since and Until.
func (k *signKey) isValid(now time.Time) bool {
	return !now.Before(k.Since) && (k.Until.IsZero() || now.Before(k.Until))
}

// maySignFor reports whether a key may sign for all authors. Unless the rule
// allows third parties, the domains of the authors must be the key's domain or
// subdomains of it.
func (k *signKey) maySignFor(from []string, thirdParty bool) bool {
	d := k.domainFor(from[0])
	if !isDomain(d) {
		return false
	}
	for _, author := range from {
		if _, domain := splitAddress(author); !thirdParty && !within(domain, d) {
			return false
		}
	}
	return true
}

// CheckUse returns an error for a key of a rule that never signs, because no address that
// the rule's senders match is in the key's domain or in a subdomain of it, and the rule does
// not allow third parties. New accepts such rules: a table of many rules may have some.
func CheckUse(rule *Rule, key *Key) error {
	k := signKey{Key: Key{Domain: asciiDomain(key.Domain)}}
	if rule.ThirdParty || slices.ContainsFunc(rule.Senders, k.canSignFor) {
		return nil
	}
	return fmt.Errorf("the key of %s signs for none of the rule's senders: "+
		"it signs for its own domain and those below, unless the rule allows third parties", key.Domain)
}

// canSignFor reports whether an address may match a pattern of a rule that does not allow
// third parties, and be in the key's domain or a subdomain of it.
func (k *signKey) canSignFor(pattern string) bool {
	_, domain, isAddress := cutLast(asciiPattern(pattern), "@")
	if !isAddress {
		domain = asciiPattern(pattern)
	}
	if k.Domain == fromDomain {
		return !strings.HasPrefix(domain, "[")
	}
	if i := strings.LastIndexByte(domain, '*'); i >= 0 {
		end := domain[i+1:]
		return strings.HasSuffix(k.Domain, end) || strings.HasSuffix(end, "."+k.Domain)
	}
	if above, ok := strings.CutPrefix(domain, "."); ok && within(k.Domain, above) {
		return true
	}
	return within(domain, k.Domain)
}

// selectKeys returns the candidates that sign, in their order. Of the keys of a
// rotation, it selects the latest that is usable.
func selectKeys(keys []*signKey, author string, usable func(*signKey) bool) []*signKey {
	newest := slices.Clone(keys)
	slices.SortStableFunc(newest, func(a, b *signKey) int { return b.Since.Compare(a.Since) })
	chosen := make(map[[2]string]time.Time)
	var out []*signKey
	for _, k := range newest {
		group := [2]string{k.domainFor(author), k.kind}
		if since, ok := chosen[group]; ok && !since.Equal(k.Since) {
			continue
		}
		if usable(k) {
			chosen[group] = k.Since
			out = append(out, k)
		}
	}
	slices.SortStableFunc(out, func(a, b *signKey) int {
		return cmp.Compare(slices.Index(keys, a), slices.Index(keys, b))
	})
	return out
}

// auid returns the value of the i= tag, or "" to omit the tag. The value is
// always in the signing domain d or in a subdomain. It contains no characters
// that the tag would have to encode.
func (k *signKey) auid(from, d string) string {
	local, domain := splitAddress(from)
	domain = strings.ToLower(domain)
	if k.Identity != "" {
		local, domain = splitAddress(strings.ReplaceAll(k.Identity, fromDomain, domain))
		domain = asciiDomain(domain)
		if !within(domain, d) || local != "" && !isLocal(local) {
			return ""
		}
		return local + "@" + domain
	}
	if k.AUID == NoAUID || !within(domain, d) || !isDomain(domain) {
		return ""
	}
	if k.AUID == AUIDDomain || !isLocal(local) {
		return "@" + domain
	}
	return local + "@" + domain
}

// isLocal reports whether the local part of an address needs no encoding in a
// tag.
func isLocal(local string) bool {
	for i := range len(local) {
		if c := local[i]; !isAlphaNum(c) && !strings.ContainsRune("!#$%&'*+-/?^_`{|}~.", rune(c)) {
			return false
		}
	}
	return local != "" && len(local) <= 64
}
