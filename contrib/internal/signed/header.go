package signed

import (
	"crypto/sha256"
	"hash"

	"github.com/sluicemail/sluice/contrib/internal/canon"
)

// HeaderHash computes the hash that a signature signs. It canonicalizes one field at
// a time, so that it never holds a copy of the header.
type HeaderHash struct {
	hash   hash.Hash
	method canon.Method
	buf    []byte
	size   int
}

// NewHeaderHash returns the hash of no fields.
func NewHeaderHash(m canon.Method) *HeaderHash { return &HeaderHash{hash: sha256.New(), method: m} }

// Add adds one field.
func (h *HeaderHash) Add(f Field) {
	h.buf = h.method.AppendField(h.buf[:0], f.Name, f.Raw)
	_, _ = h.hash.Write(h.buf) // hashes do not fail
	h.size += len(h.buf)
}

// Size returns the number of bytes of the fields so far.
func (h *HeaderHash) Size() int { return h.size }

// AddNamed adds the fields that a list of names selects. Each occurrence of a
// name selects the next field with that name, from the bottom of the header to
// the top. If no field is left, the name selects nothing (RFC 6376 section
// 5.4.2). A list never selects the signature that it belongs to, which is
// fields[itself] (RFC 6376 section 3.5).
func (h *HeaderHash) AddNamed(fields []Field, x Index, names []string, itself int) {
	taken := make(map[string]int, len(names))
	for _, name := range names {
		name = LowerName(name)
		n, where := taken[name], x[name]
		if n < len(where) && where[n] == itself {
			n++
		}
		if n < len(where) {
			h.Add(fields[where[n]])
			n++
		}
		taken[name] = n
	}
}

// Sum returns the hash of the fields so far and of the signature field itself,
// without its line end. The b= tag in raw must be empty (RFC 6376 section 3.7).
// It may be called for several signatures of the same fields, and fields may be
// added after it.
func (h *HeaderHash) Sum(name, raw string) ([]byte, error) {
	all, err := h.hash.(hash.Cloner).Clone() //nolint:forcetypeassert // the hashes of the standard library are Cloners
	if err != nil {
		return nil, err
	}
	h.buf = h.method.AppendField(h.buf[:0], name, raw)
	_, _ = all.Write(h.buf[:len(h.buf)-len("\r\n")]) // hashes do not fail
	return all.Sum(nil), nil
}
