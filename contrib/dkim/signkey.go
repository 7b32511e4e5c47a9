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
	case !isDomain(key.Selector):
		return nil, fmt.Errorf("%q is not a selector", k.Selector)
	case k.Signer == nil:
		return nil, errors.New("no private key")
	case !k.Until.IsZero() && !k.Since.Before(k.Until):
		return nil, errors.New("the key's Until is not after its Since")
	}
	var err error
	key.kind, err = keyType(k.Signer)
	return key, err
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

// sign signs an input. Ed25519 signs the SHA-256 hash of the input like a
// message (RFC 8463 section 3).
func (k *signKey) sign(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	opts := crypto.SHA256
	if k.kind == typeEd25519 {
		opts = 0
	}
	return k.Signer.Sign(rand.Reader, digest[:], opts)
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
