package dkim

import (
	"context"
	"crypto"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sluicemail/sluice/contrib/internal/canon"
	"github.com/sluicemail/sluice/contrib/internal/signed"
)

// verification verifies the signatures of one message.
type verification struct {
	v       *verifying
	fields  []Field
	checks  []check
	skipped int  // the number of signatures beyond maxSignatures
	guessed bool // the MTA does not show fields byte by byte
}

// check is the verification of one signature.
type check struct {
	sig     *signature
	body    *signed.BodyHash // nil once the result is known
	result  Result
	records []*Record
}

// pick returns the indexes of the signatures to verify. If there are too many,
// it prefers signatures of the author's domain. Otherwise anyone could hide
// these signatures by adding others. The time grows with the size of the header
// only. If the context ends, pick prefers no further signatures.
func (m *verification) pick(ctx context.Context) []int {
	var found []int
	for i := range m.fields {
		if m.fields[i].Is(signatureField) {
			found = append(found, i)
		}
	}
	if len(found) <= m.v.maxSignatures {
		return found
	}
	m.skipped = len(found) - m.v.maxSignatures
	domains := make(map[int]string, len(found))
	signers := make(signerSet, len(found))
	for _, i := range found {
		if ctx.Err() != nil {
			break
		}
		if sig, err := parseSignature(m.fields, i); err == nil {
			domains[i], signers[sig.domain] = sig.domain, false
		}
	}
	signers.markAuthors(m.fields)
	var preferred, others []int
	for _, i := range found {
		if signers[domains[i]] {
			preferred = append(preferred, i)
		} else {
			others = append(others, i)
		}
	}
	found = append(preferred, others...)[:m.v.maxSignatures]
	slices.Sort(found)
	return found
}

// signerSet maps signing domains to whether they equal the domain of an author or
// are above it.
type signerSet map[string]bool

// markAuthors finds the domains of the authors and those above them in the set. A
// lookup for each label of the authors' domains replaces the comparison of each
// author with each signature.
func (s signerSet) markAuthors(fields []Field) {
	authors, _ := shownDomains(fields)
	for _, domain := range authors {
		for rest, more := strings.ToLower(domain), true; more; _, rest, more = strings.Cut(rest, ".") {
			if _, there := s[rest]; there {
				s[rest] = true
			}
		}
	}
}

func (c *check) set(status Status, reason string) {
	c.result.Status, c.result.Reason, c.body = status, reason, nil
}

// finish returns the results. It must be called at the end of the message, after the
// body hashes are complete, with the answers of lookUp, or with none if the context
// ended before.
func (m *verification) finish(ctx context.Context, answers []keyAnswer) []Result {
	if len(m.checks) == 0 {
		return []Result{{Status: StatusNone}}
	}
	for i := range answers {
		if c := &m.checks[i]; c.body != nil {
			c.answer(answers[i])
		}
	}
	x := signed.NewIndex(m.fields)
	results := make([]Result, len(m.checks))
	for i := range m.checks {
		c := &m.checks[i]
		switch {
		case c.body == nil:
		case ctx.Err() != nil:
			c.set(StatusTempError, "not verified in time")
		default:
			c.decide(m, x)
		}
		results[i] = c.result
	}
	return results
}

// names returns the names of the keys, one for each signature, or none if no key is
// needed.
func (m *verification) names() []keyName {
	names, needed := make([]keyName, len(m.checks)), false
	for i := range m.checks {
		if c := &m.checks[i]; c.body != nil {
			names[i], needed = keyName{c.sig.selector, c.sig.domain}, true
		}
	}
	if !needed {
		return nil
	}
	return names
}

// lookUp looks up the keys of the message, if it needs any.
func (m *verification) lookUp(ctx context.Context) []keyAnswer {
	names := m.names()
	if len(names) == 0 {
		return nil
	}
	return m.v.lookUp(ctx, names)
}

// answer sets the key records of the signature, or its result if there are none.
func (c *check) answer(a keyAnswer) {
	switch err := a.err; {
	case errors.Is(err, ErrNoRecord):
		c.set(StatusPermError, "no key record")
	case errors.Is(err, ErrRevoked):
		c.set(StatusPermError, "key revoked")
	case errors.Is(err, ErrRecord):
		c.set(StatusPermError, "key record unusable")
	case err != nil:
		c.set(StatusTempError, "key not available")
	default:
		c.records = a.records
	}
}

// decide verifies the signature with each of its keys until one fits. If none
// does, the result is that of the key that came nearest. If the header was signed byte by
// byte, and the MTA does not show it so, a signature that does not verify may be valid.
func (c *check) decide(m *verification, x signed.Index) {
	digest := sync.OnceValues(func() ([]byte, error) { return c.digest(m.fields, x) })
	var best trial
	for _, r := range c.records {
		t := c.try(r, m.v, digest)
		if best.record == nil || t.step > best.step {
			best = t
		}
		if t.status == StatusPass {
			break
		}
	}
	c.result.Bits, c.result.Testing = best.record.Bits, best.record.Testing
	if best.step == stepSignature && m.guessed && c.sig.header == canon.Simple {
		best.status, best.reason = StatusNeutral, "the mail server does not show the header as it was signed"
	}
	c.set(best.status, best.reason)
	if best.status == StatusPass {
		c.checkCovered(x)
	}
	c.applyTesting()
}

// trial is the result of the verification with one of several keys.
type trial struct {
	record *Record
	step   step
	status Status
	reason string
}

// step is the test that decides about a key. A later one means that the key came nearer.
type step int

const (
	stepType step = iota
	stepUse
	stepSubject
	stepSize
	stepBodyLength
	stepBodyHash
	stepSignature
	stepCoverage
	stepPass
)

// try verifies the signature with a key. It calls digest only if all else is right.
func (c *check) try(r *Record, v *verifying, digest func() ([]byte, error)) trial {
	sig, body := c.sig, c.body
	switch {
	case r.Type != sig.kind:
		return trial{r, stepType, StatusPermError, "key is of another algorithm"}
	case !r.ForMail():
		return trial{r, stepUse, StatusPermError, "key is not for this use"}
	case r.Strict && sig.subject != sig.domain:
		return trial{r, stepSubject, StatusPermError, "key is not for subdomains"}
	case r.Type == typeRSA && r.Bits < v.minBits:
		return trial{r, stepSize, StatusPolicy, fmt.Sprintf("key of %d bits is too short", r.Bits)}
	case body.Size < body.Kind.Limit:
		return trial{r, stepBodyLength, StatusFail, "body is shorter than its length tag"}
	case subtle.ConstantTimeCompare(body.Sum[:], sig.bodySum) != 1:
		return trial{r, stepBodyHash, StatusFail, "body hash did not verify"}
	case !verifies(r.Public, digest, sig.signed):
		return trial{r, stepSignature, StatusFail, "signature did not verify"}
	case body.Kind.Limit >= 0 && body.Size > body.Kind.Limit && v.bodyLength != BodyLengthAccept:
		return trial{r, stepCoverage, StatusPolicy, "signature does not cover the whole body"}
	default:
		return trial{r, stepPass, StatusPass, ""}
	}
}

// checkCovered looks for fields that mail has only once (RFC 5322 section 3.6) but
// that this message has more often than the signature covers. Mail readers may
// display the one that is not signed (RFC 6376 section 8.15). A From field that is
// not signed makes the signature unacceptable, because the author may be another.
// For other fields the result has a remark.
func (c *check) checkCovered(x signed.Index) {
	covered := make(map[string]int, len(c.sig.names))
	for _, name := range c.sig.names {
		covered[signed.LowerName(name)]++
	}
	from := strings.ToLower(fromField)
	if len(x[from]) > covered[from] {
		c.set(StatusPolicy, "a From field is not signed")
		return
	}
	for name := range strings.FieldsSeq(onlyOnce) {
		n := covered[strings.ToLower(name)]
		if n > 0 && len(x[strings.ToLower(name)]) > n {
			c.result.Reason = "another " + name + " field is not signed"
			return
		}
	}
}

// onlyOnce are the names of fields other than From that mail has only once and that mail
// readers display or act on.
const onlyOnce = "Subject Sender Reply-To To Cc Date Content-Type Content-Transfer-Encoding"

// applyTesting adjusts the result for a domain that is testing DKIM: a failure
// becomes neutral.
func (c *check) applyTesting() {
	if !c.result.Testing {
		return
	}
	if c.result.Status != StatusPass {
		c.result.Status = StatusNeutral
	}
	if c.result.Reason != "" {
		c.result.Reason += ", "
	}
	c.result.Reason += "domain is testing"
}

// digest returns the hash that the signature signs.
func (c *check) digest(fields []Field, x signed.Index) ([]byte, error) {
	header := signed.NewHeaderHash(c.sig.header)
	header.AddNamed(fields, x, c.sig.names, c.sig.at)
	return header.Sum(c.sig.field.Name, c.sig.withoutB)
}

func verifies(public crypto.PublicKey, digest func() ([]byte, error), data []byte) bool {
	sum, err := digest()
	return err == nil && signed.Verifies(public, sum, data)
}
