package dkim

import (
	"crypto/sha256"
	"hash"

	"github.com/sluicemail/sluice/contrib/dkim/internal/canon"
)

// bodyKind is what makes one body hash differ from another.
type bodyKind struct {
	method canon.Method
	limit  int64 // l=, or whole
}

// whole is the limit of a hash that covers all of the body.
const whole = -1

// bodyHash is a body hash in the making.
type bodyHash struct {
	kind bodyKind
	body *canon.Body
	hash hash.Hash
	size int64 // of the canonical body, whatever the limit
	sum  [sha256.Size]byte
}

// Write takes the canonical body.
func (h *bodyHash) Write(p []byte) (int, error) {
	covered := p
	if h.kind.limit >= 0 {
		covered = p[:max(0, min(int64(len(p)), h.kind.limit-h.size))]
	}
	h.size += int64(len(p))
	_, err := h.hash.Write(covered)
	return len(p), err
}

// bodies computes the body hashes that a message's signatures need, each of
// them once. Its memory is reused from message to message.
type bodies struct {
	all  []*bodyHash
	used int
}

func (b *bodies) reset() { b.used = 0 }

// want returns the hash of a kind. It must be called before the body comes.
func (b *bodies) want(kind bodyKind) *bodyHash {
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

// write takes a piece of the body.
func (b *bodies) write(p []byte) {
	for _, h := range b.all[:b.used] {
		_, _ = h.body.Write(p) // hashes do not fail
	}
}

// end is called once, at the body's end.
func (b *bodies) end() {
	for _, h := range b.all[:b.used] {
		_ = h.body.Close() // hashes do not fail
		h.hash.Sum(h.sum[:0])
	}
}
