package dkim

import (
	"crypto/sha256"
	"hash"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dkim/internal/canon"
)

// The names of the header fields that the package uses.
const (
	signatureField = "DKIM-Signature"
	resultsField   = authres.FieldName
	fromField      = "From"
)

// Field is a header field as it was sent.
type Field struct {
	// Name is the text before the colon.
	Name string
	// Raw is the unchanged text after the colon. It includes the space that
	// usually follows the colon. Folded lines are separated by CRLF or LF.
	Raw string
}

// is reports whether the field has a name. It ignores the case of ASCII letters,
// and white space before the colon, which RFC 5322 calls obsolete. Letters that
// Unicode folds to ASCII, such as the long s, make another name, as they do for
// MTAs and for programs that read the mail.
func (f Field) is(name string) bool {
	own := strings.TrimRight(f.Name, " \t")
	return len(own) == len(name) && lowerName(own) == lowerName(name)
}

// index maps a name in lower case to the indexes of the fields with that name,
// from the bottom of the header to the top.
type index map[string][]int

func newIndex(fields []Field) index {
	x := make(index, len(fields))
	for i, f := range slices.Backward(fields) {
		name := lowerName(f.Name)
		x[name] = append(x[name], i)
	}
	return x
}

func lowerName(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.TrimRight(name, " \t"))
}

// headerHash computes the hash that a signature signs. It canonicalizes one field at
// a time, so that it never holds a copy of the header.
type headerHash struct {
	hash   hash.Hash
	method canon.Method
	buf    []byte
}

func newHeaderHash(m canon.Method) *headerHash { return &headerHash{hash: sha256.New(), method: m} }

// addFields adds the fields that a list of names selects. Each occurrence of a
// name selects the next field with that name, from the bottom of the header to
// the top. If no field is left, the name selects nothing (RFC 6376 section
// 5.4.2). A list never selects the signature that it belongs to, which is
// fields[itself] (RFC 6376 section 3.5).
func (h *headerHash) addFields(fields []Field, x index, names []string, itself int) {
	taken := make(map[string]int, len(names))
	for _, name := range names {
		name = lowerName(name)
		n, where := taken[name], x[name]
		if n < len(where) && where[n] == itself {
			n++
		}
		if n < len(where) {
			f := fields[where[n]]
			h.buf = h.method.AppendField(h.buf[:0], f.Name, f.Raw)
			_, _ = h.hash.Write(h.buf) // hashes do not fail
			n++
		}
		taken[name] = n
	}
}

// sum returns the hash of the fields so far and of the signature field itself,
// without its line end. The b= tag in raw must be empty (RFC 6376 section 3.7).
// It may be called for several signatures of the same fields.
func (h *headerHash) sum(name, raw string) ([]byte, error) {
	all, err := h.hash.(hash.Cloner).Clone() //nolint:forcetypeassert // the hashes of the standard library are Cloners
	if err != nil {
		return nil, err
	}
	h.buf = h.method.AppendField(h.buf[:0], name, raw)
	_, _ = all.Write(h.buf[:len(h.buf)-len("\r\n")]) // hashes do not fail
	return all.Sum(nil), nil
}

// noField is an index of no field.
const noField = -1
