package arc

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/internal/canon"
	"github.com/sluicemail/sluice/contrib/internal/signed"
)

// rules is the part of a [VerifierConfig] that verifying needs.
type rules struct {
	resolver         dkim.Resolver
	records          *dkim.RecordCache
	timeout          time.Duration
	minBits, maxBits int
	now              func() time.Time
}

// skew is the difference between clocks that is tolerated.
const skew = 5 * time.Minute

// newRules returns the rules of a configuration, with defaults for what is missing.
func newRules(c *VerifierConfig) (*rules, error) {
	v := &rules{
		resolver: c.Resolver, records: dkim.NewRecordCache(), timeout: cmp.Or(c.Timeout, 10*time.Second),
		minBits: cmp.Or(c.MinBits, dkim.MinBits), maxBits: cmp.Or(c.MaxBits, 4096), now: c.Now,
	}
	if v.now == nil {
		v.now = time.Now
	}
	var errs []error
	if c.Resolver == nil {
		errs = append(errs, errors.New("no resolver"))
	}
	if c.Timeout < 0 {
		errs = append(errs, errors.New("the timeout is negative"))
	}
	if v.minBits < dkim.MinBits {
		errs = append(errs, fmt.Errorf("the minimum size of RSA keys is less than %d bits", dkim.MinBits))
	}
	if v.maxBits < v.minBits {
		errs = append(errs, errors.New("the maximum size of RSA keys is less than the minimum"))
	}
	return v, errors.Join(errs...)
}

// verification verifies the chain of one message.
type verification struct {
	rules  *rules
	chain  *chain
	newest *signature // the ARC-Message-Signature of the newest instance
	bodies map[canon.Method]*signed.BodyHash
	index  signed.Index
	work   int // that the verification may still do
	tries  int // of keys
}

// Limits of a verification.
const (
	// maxTries limits how many keys are tried. A chain of 50 instances needs 100, unless
	// names have several keys.
	maxTries = 200
	// maxWork limits the bytes of the header that are hashed for [Result.OldestPass]. Each
	// instance may sign the whole header.
	maxWork = 4 << 20
)

// begin reads the chain, and requests the body hashes that it needs. The header must be
// complete.
func (v *rules) begin(fields []signed.Field, sums *signed.Bodies) *verification {
	m := &verification{rules: v, chain: readChain(fields), work: maxWork, tries: maxTries}
	c := m.chain
	if !c.exists || c.problem != "" {
		return m
	}
	var err error
	if m.newest, err = c.messageSignature(c.highest); err != nil {
		c.fail("the %s of instance %d %s", signatureField, c.highest, err)
		return m
	}
	m.bodies = make(map[canon.Method]*signed.BodyHash)
	for i := range c.sets {
		if s, err := c.messageSignature(i + 1); err == nil && m.bodies[s.body] == nil {
			m.bodies[s.body] = sums.Request(signed.BodyKind{Method: s.body, Limit: signed.Whole})
		}
	}
	return m
}

// finish returns the result. It must be called at the end of the message, after the body hashes
// are complete, with the answers of lookUp, or with none if the context ended before.
func (m *verification) finish(ctx context.Context, keys answers) Result {
	c := m.chain
	r := Result{Status: Fail, Reason: c.problem, Instances: c.highest}
	switch {
	case !c.exists:
		return Result{Status: None}
	case c.problem == "":
		if failure := m.decide(ctx, keys); failure != nil {
			r.Reason, r.TempError = failure.reason, failure.temporary
		} else {
			r.Status, r.OldestPass = Pass, m.oldestPass(ctx, keys)
		}
	}
	r.Sets = c.describe()
	return r
}

// failure is why a chain fails.
type failure struct {
	reason    string
	temporary bool
}

// decide verifies the newest ARC-Message-Signature, and then all seals (RFC 8617 section 5.2
// steps 4 and 6). It ends at the first failure, so that a message that was changed costs one
// signature.
func (m *verification) decide(ctx context.Context, keys answers) *failure {
	c := m.chain
	m.index = signed.NewIndex(c.fields)
	if f := m.verifyMessage(ctx, keys, m.newest, c.highest); f != nil {
		return f
	}
	digests, err := c.sealDigests()
	if err != nil {
		return &failure{reason: err.Error()}
	}
	for i := c.highest; i > 0; i-- {
		if f := m.verify(ctx, keys, c.sets[i-1].seal, digests[i-1]); f != nil {
			return f.of(sealField, i)
		}
	}
	return nil
}

// of says whose failure it is.
func (f *failure) of(name string, instance int) *failure {
	f.reason = fmt.Sprintf("the %s of instance %d %s", name, instance, f.reason)
	return f
}

// verifyMessage verifies an ARC-Message-Signature.
func (m *verification) verifyMessage(ctx context.Context, keys answers, s *signature, instance int) *failure {
	body := m.bodies[s.body]
	var f *failure
	switch {
	case !s.expires.IsZero() && m.rules.now().After(s.expires.Add(skew)):
		f = &failure{reason: "has expired"}
	case s.length != signed.Whole && s.length != body.Size:
		f = &failure{reason: "does not cover the whole body"}
	case subtle.ConstantTimeCompare(body.Sum[:], s.bodySum) != 1:
		f = &failure{reason: "did not verify: the body has changed"}
	default:
		f = m.verifyHeader(ctx, keys, s, instance)
	}
	if f != nil {
		return f.of(signatureField, instance)
	}
	return nil
}

// verifyHeader verifies the signature data of an ARC-Message-Signature.
func (m *verification) verifyHeader(ctx context.Context, keys answers, s *signature, instance int) *failure {
	h := signed.NewHeaderHash(s.header)
	h.AddNamed(m.chain.fields, m.index, s.names, m.chain.sets[instance-1].at[messageSignature])
	digest, err := h.Sum(m.chain.field(instance, messageSignature).Name, s.withoutB)
	if err != nil {
		return &failure{reason: err.Error()}
	}
	m.work -= h.Size()
	return m.verify(ctx, keys, s, digest)
}

// sealDigests returns the hash that each seal signs: of the sets up to its own one, each with
// its fields in the same order, in the relaxed form (RFC 8617 section 5.1.1).
func (c *chain) sealDigests() ([][]byte, error) {
	digests := make([][]byte, len(c.sets))
	h := signed.NewHeaderHash(canon.Relaxed)
	for i := range c.sets {
		h.Add(c.field(i+1, results))
		h.Add(c.field(i+1, messageSignature))
		own := c.field(i+1, seal)
		var err error
		if digests[i], err = h.Sum(own.Name, c.sets[i].seal.withoutB); err != nil {
			return nil, err
		}
		h.Add(own)
	}
	return digests, nil
}

// verify verifies signature data with each of the keys of its name.
func (m *verification) verify(ctx context.Context, keys answers, s *signature, digest []byte) *failure {
	records, f := keys.of(ctx, s)
	if f != nil {
		return f
	}
	f = &failure{reason: "has a key of another algorithm"}
	for _, r := range records {
		switch {
		case r.Type != s.kind:
			continue
		case !r.ForMail():
			f = &failure{reason: "has a key that is not for this use"}
			continue
		case r.Type == rsaKey && (r.Bits < m.rules.minBits || r.Bits > m.rules.maxBits):
			f = &failure{reason: fmt.Sprintf("has a key of %d bits, which is not accepted", r.Bits)}
			continue
		case m.tries == 0:
			return &failure{reason: "was not verified: the chain has too many keys"}
		}
		m.tries--
		if signed.Verifies(r.Public, digest, s.data) {
			return nil
		}
		f = &failure{reason: "did not verify"}
	}
	return f
}

// oldestPass returns the oldest instance whose ARC-Message-Signature is valid, together with
// all newer ones, or 0 if all are (RFC 8617 section 5.2 step 5). If it costs too much to verify
// one, it counts as not valid.
func (m *verification) oldestPass(ctx context.Context, keys answers) int {
	c := m.chain
	for i := c.highest - 1; i > 0; i-- {
		s, err := c.messageSignature(i)
		if err != nil || m.work <= 0 || m.verifyMessage(ctx, keys, s, i) != nil {
			return i + 1
		}
	}
	return 0
}
