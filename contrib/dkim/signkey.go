package dkim

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// signKey is a key that is ready to sign.
type signKey struct {
	Key
	kind      string
	published atomic.Bool // the DNS was seen to have it
}

func newSignKey(k *Key) (*signKey, error) {
	key := &signKey{Key: *k}
	key.Domain, key.Selector = asciiDomain(k.Domain), asciiDomain(k.Selector)
	switch {
	case key.Domain != fromDomain && !isDomain(key.Domain):
		return nil, fmt.Errorf("%q is no domain", k.Domain)
	case !isDomain(key.Selector):
		return nil, fmt.Errorf("%q is no selector", k.Selector)
	case k.Signer == nil:
		return nil, errors.New("no private key")
	case !k.Until.IsZero() && !k.Since.Before(k.Until):
		return nil, errors.New("it ends before it begins")
	}
	var err error
	key.kind, err = keyType(k.Signer)
	return key, err
}

// fromDomain in place of a key's domain is that of the From field.
const fromDomain = "%"

// domainFor returns the domain that a key signs for an author with.
func (k *signKey) domainFor(author string) string {
	if k.Domain != fromDomain {
		return k.Domain
	}
	_, domain := splitAddress(author)
	return strings.ToLower(domain)
}

// mayFor reports whether a key may sign for authors: their domains must be the
// key's or below it, unless the rule says otherwise.
func (k *signKey) mayFor(from []string, thirdParty bool) bool {
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

// sign returns the signature of an input. Ed25519 signs the hash as if it were
// the message (RFC 8463 section 3).
func (k *signKey) sign(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	opts := crypto.SHA256
	if k.kind == typeEd25519 {
		opts = 0
	}
	return k.Signer.Sign(rand.Reader, digest[:], opts)
}

// live picks from candidates those that sign: of each rotation the latest that
// usable finds usable.
func live(keys []*signKey, author string, usable func(*signKey) bool) []*signKey {
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

// auid returns what i= holds. It is always in the signing domain or below it,
// and an address that would have to be encoded is left out.
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

// isLocal reports whether an address's left side can stand in a tag as it is.
func isLocal(local string) bool {
	for i := range len(local) {
		if c := local[i]; !isAlphaNum(c) && !strings.ContainsRune("!#$%&'*+-/?^_`{|}~.", rune(c)) {
			return false
		}
	}
	return local != "" && len(local) <= 64
}
