package dkim

import (
	"maps"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim/internal/canon"
)

// The names of the header fields that the package uses.
const (
	signatureField = "DKIM-Signature"
	resultsField   = "Authentication-Results"
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

// is reports whether the field has a name. It ignores case and white space
// before the colon, which RFC 5322 calls obsolete.
func (f Field) is(name string) bool {
	return strings.EqualFold(strings.TrimRight(f.Name, " \t"), name)
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

// without returns a copy of the index without one field. It excludes a
// signature from the fields that the signature covers, because the h= tag never
// refers to the signature itself (RFC 6376 section 3.5).
func (x index) without(name string, field int) index {
	name = lowerName(name)
	x = maps.Clone(x)
	x[name] = slices.DeleteFunc(slices.Clone(x[name]), func(i int) bool { return i == field })
	return x
}

func lowerName(name string) string { return strings.ToLower(strings.TrimRight(name, " \t")) }

// signedHeader appends the canonical form of the fields that a list of names
// selects. Each occurrence of a name selects the next field with that name,
// from the bottom of the header to the top. If no field is left, the name
// selects nothing (RFC 6376 section 5.4.2).
func signedHeader(dst []byte, m canon.Method, fields []Field, x index, names []string) []byte {
	taken := make(map[string]int, len(names))
	for _, name := range names {
		name = lowerName(name)
		n := taken[name]
		if where := x[name]; n < len(where) {
			f := fields[where[n]]
			dst = m.AppendField(dst, f.Name, f.Raw)
			taken[name] = n + 1
		}
	}
	return dst
}

// signatureInput appends the canonical form of the signature field itself,
// without its line end. The b= tag in raw must be empty (RFC 6376 section 3.7).
func signatureInput(dst []byte, m canon.Method, name, raw string) []byte {
	dst = m.AppendField(dst, name, raw)
	return dst[:len(dst)-len("\r\n")]
}
