package signed

import (
	"crypto/sha256"
	"hash"

	"github.com/sluicemail/sluice/contrib/internal/canon"
)

// BodyKind determines a body hash. Signatures of the same kind share a hash.
type BodyKind struct {
	Method canon.Method
	Limit  int64 // l=, or Whole
}

// Whole is the limit of a hash that covers the whole body.
const Whole = -1

// BodyHash computes a body hash.
type BodyHash struct {
	// Kind is what was requested.
	Kind BodyKind
	// Size is the length of the whole canonical body, regardless of the limit. It is
	// valid after Bodies.End.
	Size int64
	// Sum is the hash. It is valid after Bodies.End.
	Sum [sha256.Size]byte

	body *canon.Body
	hash hash.Hash
}

// Write adds a piece of the canonical body.
func (h *BodyHash) Write(p []byte) (int, error) {
	covered := p
	if h.Kind.Limit >= 0 {
		covered = p[:max(0, min(int64(len(p)), h.Kind.Limit-h.Size))]
	}
	h.Size += int64(len(p))
	_, err := h.hash.Write(covered)
	return len(p), err
}

// Bodies computes the body hashes that the signatures of a message need. It
// computes each kind of hash once. Its memory is reused for the next message.
type Bodies struct {
	all  []*BodyHash
	used int
}

// Reset begins a new message. The hashes of the last one become invalid.
func (b *Bodies) Reset() { b.used = 0 }

// Request returns the hash of a kind. It must be called before Write.
func (b *Bodies) Request(kind BodyKind) *BodyHash {
	for _, h := range b.all[:b.used] {
		if h.Kind == kind {
			return h
		}
	}
	if b.used == len(b.all) {
		b.all = append(b.all, &BodyHash{body: new(canon.Body), hash: sha256.New()})
	}
	h := b.all[b.used]
	b.used++
	h.Kind, h.Size = kind, 0
	h.hash.Reset()
	h.body.Reset(kind.Method, h)
	return h
}

// Write adds a piece of the body. Its lines must end in CRLF. It returns no error.
func (b *Bodies) Write(p []byte) (int, error) {
	for _, h := range b.all[:b.used] {
		_, _ = h.body.Write(p) // hashes do not fail
	}
	return len(p), nil
}

// End computes the sums. It must be called once, at the end of the body.
func (b *Bodies) End() {
	for _, h := range b.all[:b.used] {
		_ = h.body.Close() // hashes do not fail
		h.hash.Sum(h.Sum[:0])
	}
}
