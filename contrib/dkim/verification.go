package dkim

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// verification verifies the signatures of one message.
type verification struct {
	v       *verifying
	fields  []Field
	checks  []check
	skipped int // the number of signatures beyond maxSignatures
}

// check is the verification of one signature.
type check struct {
	sig    *signature
	body   *bodyHash // nil once the result is known
	result Result
	record *Record
}

// pick returns the indexes of the signatures to verify. If there are too many,
// it prefers signatures of the author's domain. Otherwise anyone could hide
// these signatures by adding others.
func (m *verification) pick() []int {
	var found []int
	for i := range m.fields {
		if m.fields[i].is(signatureField) {
			found = append(found, i)
		}
	}
	if len(found) <= m.v.maxSignatures {
		return found
	}
	m.skipped = len(found) - m.v.maxSignatures
	domains := authorDomains(m.fields)
	rank := make(map[int]int, len(found))
	for _, i := range found {
		sig, err := parseSignature(m.fields, i)
		if err != nil || !speaksFor(sig.domain, domains) {
			rank[i] = 1
		}
	}
	slices.SortStableFunc(found, func(a, b int) int { return rank[a] - rank[b] })
	found = found[:m.v.maxSignatures]
	slices.Sort(found)
	return found
}

func (c *check) set(status Status, reason string) {
	c.result.Status, c.result.Reason, c.body = status, reason, nil
}

// finish looks up the keys and returns the results. It must be called at the
// end of the message, after the body hashes are complete. The context and
// Verifying.Timeout limit the time for looking up keys.
func (m *verification) finish(ctx context.Context) []Result {
	if len(m.checks) == 0 {
		return []Result{{Status: StatusNone}}
	}
	ctx, cancel := context.WithTimeout(ctx, m.v.timeout)
	defer cancel()
	var keys sync.WaitGroup
	for i := range m.checks {
		if c := &m.checks[i]; c.body != nil {
			keys.Go(func() { c.fetch(ctx, m.v) })
		}
	}
	keys.Wait()
	x := newIndex(m.fields)
	results := make([]Result, len(m.checks))
	for i := range m.checks {
		c := &m.checks[i]
		if c.body != nil {
			c.decide(m.v, m.fields, x)
		}
		results[i] = c.result
	}
	return results
}

// fetch looks up the key record of the signature.
func (c *check) fetch(ctx context.Context, v *verifying) {
	record, err := lookupRecord(ctx, v.resolver, c.sig.selector, c.sig.domain)
	switch {
	case errors.Is(err, ErrNoRecord):
		c.set(StatusPermError, "no key record")
	case errors.Is(err, ErrRevoked):
		c.set(StatusPermError, "key revoked")
	case errors.Is(err, ErrRecord):
		c.set(StatusPermError, "key record unusable")
	case err != nil:
		c.set(StatusTempError, "key not available")
	default:
		c.record = record
	}
}

// decide verifies the signature with its key.
func (c *check) decide(v *verifying, fields []Field, x index) {
	r, sig := c.record, c.sig
	c.result.Bits, c.result.Testing = r.Bits, r.Testing
	body := c.body
	switch {
	case r.Type != sig.kind:
		c.set(StatusPermError, "key is of another algorithm")
	case !r.sha256 || !r.email:
		c.set(StatusPermError, "key is not for this use")
	case r.Strict && sig.subject != sig.domain:
		c.set(StatusPermError, "key is not for subdomains")
	case r.Type == typeRSA && r.Bits < v.minBits:
		c.set(StatusPolicy, fmt.Sprintf("key of %d bits is too short", r.Bits))
	case body.size < body.kind.limit:
		c.set(StatusFail, "body is shorter than its length tag")
	case subtle.ConstantTimeCompare(body.sum[:], sig.bodySum) != 1:
		c.set(StatusFail, "body hash did not verify")
	case !c.verify(fields, x):
		c.set(StatusFail, "signature did not verify")
	case body.kind.limit >= 0 && body.size > body.kind.limit && v.bodyLength != BodyLengthAccept:
		c.set(StatusPolicy, "signature does not cover the whole body")
	default:
		c.set(StatusPass, "")
	}
	c.applyTesting()
}

// applyTesting adjusts the result for a domain that is testing DKIM: a failure
// becomes neutral.
func (c *check) applyTesting() {
	switch {
	case !c.result.Testing:
	case c.result.Status == StatusPass:
		c.result.Reason = "domain is testing"
	default:
		c.result.Status = StatusNeutral
		c.result.Reason += ", domain is testing"
	}
}

func (c *check) verify(fields []Field, x index) bool {
	sig := c.sig
	input := signedHeader(nil, sig.header, fields, x.without(signatureField, sig.at), sig.names)
	digest := sha256.Sum256(signatureInput(input, sig.header, sig.field.Name, sig.withoutB))
	switch key := c.record.Public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig.signed) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, digest[:], sig.signed)
	default:
		return false
	}
}
