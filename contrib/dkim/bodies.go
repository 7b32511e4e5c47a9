package dkim

import (
	"crypto/sha256"
	"hash"

	"github.com/sluicemail/sluice/contrib/dkim/internal/canon"
)

// bodyKind determines a body hash. Signatures of the same kind share a hash.
type bodyKind struct {
	method canon.Method
	limit  int64 // l=, or whole
}

// whole is the limit of a hash that covers the whole body.
const whole = -1

// bodyHash computes a body hash. Sum is valid after bodies.end.
type bodyHash struct {
	kind bodyKind
	body *canon.Body
	hash hash.Hash
	size int64 // the length of the whole canonical body, regardless of the limit
	sum  [sha256.Size]byte
}

// Write adds a piece of the canonical body.
func (h *bodyHash) Write(p []byte) (int, error) {
	covered := p
	if h.kind.limit >= 0 {
		covered = p[:max(0, min(int64(len(p)), h.kind.limit-h.size))]
	}
	h.size += int64(len(p))
	_, err := h.hash.Write(covered)
	return len(p), err
}

// bodies computes the body hashes that the signatures of a message need. It
// computes each kind of hash once. Its memory is reused for the next message.
type bodies struct {
	all  []*bodyHash
	used int
}

func (b *bodies) reset() { b.used = 0 }

// request returns the hash of a kind. It must be called before write.
func (b *bodies) request(kind bodyKind) *bodyHash {
	for _, h := range b.all[:b.used] {
		if h.kind == kind {
			return h
		}
	}
	if b.used == len(b.all) {
		b.all = append(b.all, &bodyHash{body: new(canon.Body), hash: sha256.New()})
	}
	h := b.all[b.used]
	b.used++
	h.kind, h.size = kind, 0
	h.hash.Reset()
	h.body.Reset(kind.method, h)
	return h
}

// write adds a piece of the body.
func (b *bodies) write(p []byte) {
	for _, h := range b.all[:b.used] {
		_, _ = h.body.Write(p) // hashes do not fail
	}
}

// end computes the sums. It must be called once, at the end of the body.
func (b *bodies) end() {
	for _, h := range b.all[:b.used] {
		_ = h.body.Close() // hashes do not fail
		h.hash.Sum(h.sum[:0])
	}
}
