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

	"github.com/sluicemail/sluice/contrib/dkim/internal/canon"
)

// signing is what the Signing part of a configuration comes to.
type signing struct {
	rules    rules
	list     []signRule
	headers  []string
	lower    []string // the same, in lower case
	oversign map[string]bool
	header   canon.Method
	body     canon.Method
	lifetime time.Duration
	noTime   bool
	all      bool
	resolver Resolver
	now      func() time.Time
}

type signRule struct {
	keys       []*signKey
	thirdParty bool
}

// signKey is a key that is ready to sign.
type signKey struct {
	Key
	kind      string
	published atomic.Bool // the DNS was seen to have it
}

func (m Canonicalization) method() canon.Method {
	if m == Simple {
		return canon.Simple
	}
	return canon.Relaxed
}

func newSigning(c *Signing, now func() time.Time) (*signing, error) {
	s := &signing{
		rules: rules{exact: make(map[string][]int)}, oversign: make(map[string]bool), headers: signedNames(c),
		header: c.Header.method(), body: c.Body.method(), lifetime: c.Lifetime, noTime: c.NoTime, all: c.AllRules, resolver: c.Resolver, now: now,
	}
	for _, name := range s.headers {
		s.lower = append(s.lower, lowerName(name))
	}
	over := c.Oversign
	if over == nil {
		over = DefaultOversign()
	}
	for _, name := range over {
		s.oversign[lowerName(name)] = true
	}
	var errs []error
	for _, name := range slices.Concat(s.headers, over) {
		errs = append(errs, checkSigned(name))
	}
	if c.Lifetime < 0 || 0 < c.Lifetime && c.Lifetime < time.Second {
		errs = append(errs, errors.New("a lifetime below zero, or of less than a second"))
	}
	for i := range c.Rules {
		errs = append(errs, s.addRule(&c.Rules[i]))
	}
	return s, errors.Join(errs...)
}

// signedNames returns the names of the fields to sign, each once, From first
// where it was left out, and the oversigned ones with them.
func signedNames(c *Signing) []string {
	names := c.Headers
	if names == nil {
		names = DefaultHeaders()
	}
	seen := make(map[string]bool)
	var out []string
	for _, name := range slices.Concat([]string{fromField}, names, c.Oversign) {
		if lower := lowerName(name); !seen[lower] {
			seen[lower] = true
			out = append(out, name)
		}
	}
	return out
}

// checkSigned refuses names that no field has, and fields that change on the
// way (RFC 6376 section 5.4 and RFC 8601 section 5).
func checkSigned(name string) error {
	switch lowerName(name) {
	case "return-path", "received", "comments", "keywords", "bcc", "resent-bcc", lowerName(signatureField), lowerName(resultsField):
		return fmt.Errorf("the header field %q must not be signed", name)
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' || c == ':' || c == ';' {
			return fmt.Errorf("%q is no header field's name", name)
		}
	}
	if name == "" {
		return errors.New("a header field without a name")
	}
	return nil
}

func (s *signing) addRule(rule *Rule) error {
	number := len(s.list)
	if len(rule.Senders) == 0 || len(rule.Keys) == 0 {
		return fmt.Errorf("rule %d has no sender or no key", number+1)
	}
	compiled := signRule{thirdParty: rule.ThirdParty}
	for _, pattern := range rule.Senders {
		if strings.TrimSpace(pattern) == "" {
			return fmt.Errorf("rule %d has an empty sender", number+1)
		}
		s.rules.add(number, pattern)
	}
	for i := range rule.Keys {
		k, err := newSignKey(&rule.Keys[i])
		if err != nil {
			return fmt.Errorf("rule %d, key %d: %w", number+1, i+1, err)
		}
		compiled.keys = append(compiled.keys, k)
	}
	s.list = append(s.list, compiled)
	return nil
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

// candidates returns the keys that may sign for the authors of a message, in
// the rules' order; none if not all of them have the same rules. A key of
// another domain is not among them, unless the rule allows it.
func (s *signing) candidates(from []string) []*signKey {
	if len(from) == 0 {
		return nil
	}
	rules := s.rulesFor(from[0])
	for _, author := range from[1:] {
		if !slices.Equal(s.rulesFor(author), rules) {
			return nil
		}
	}
	now := s.now()
	var keys []*signKey
	for _, n := range rules {
		for _, k := range s.list[n].keys {
			if !now.Before(k.Since) && (k.Until.IsZero() || now.Before(k.Until)) && k.mayFor(from, s.list[n].thirdParty) {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// rulesFor returns the numbers of the rules that sign for an author.
func (s *signing) rulesFor(author string) []int {
	found := s.rules.find(author)
	if s.all {
		return found
	}
	return found[:min(1, len(found))]
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

// sign makes the signature fields' values, one for each key. They begin with
// what stands after the colon and one space; lines are separated by LF.
func (s *signing) sign(keys []*signKey, fields []Field, from string, body *bodyHash) ([]string, error) {
	x := newIndex(fields)
	names := s.names(x)
	header := signedHeader(nil, s.header, fields, x, names)
	values := make([]string, len(keys))
	for i, k := range keys {
		value := s.unsigned(k, from, names, body.sum[:])
		input := signatureInput(slices.Clip(header), s.header, signatureField, " "+value)
		signed, err := k.sign(input)
		if err != nil {
			return nil, fmt.Errorf("dkim: signing for %s with %s: %w", k.domainFor(from), k.Selector, err)
		}
		values[i] = value + foldBase64(signed)
	}
	return values, nil
}

// names returns the content of h=: the name of each field to sign as often as
// there are fields, and once more where none may be added.
func (s *signing) names(x index) []string {
	names := make([]string, 0, len(s.headers))
	for i, name := range s.headers {
		n := len(x[s.lower[i]])
		if s.oversign[s.lower[i]] {
			n++
		}
		for range n {
			names = append(names, name)
		}
	}
	return names
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
