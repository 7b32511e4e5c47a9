package dkim

import (
	"maps"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim/internal/canon"
)

// The names of the header fields that the package knows.
const (
	signatureField = "DKIM-Signature"
	resultsField   = "Authentication-Results"
	fromField      = "From"
)

// Field is a header field as it was sent.
type Field struct {
	// Name is what stands before the colon.
	Name string
	// Raw is what stands after the colon byte by byte, the space that usually
	// follows it included. Folded lines are separated by CRLF or LF.
	Raw string
}

// is compares the name without regard to case, and to the white space before
// the colon that RFC 5322 calls obsolete.
func (f Field) is(name string) bool {
	return strings.EqualFold(strings.TrimRight(f.Name, " \t"), name)
}

// index finds the fields of a name, from the lowest up.
type index map[string][]int

func newIndex(fields []Field) index {
	x := make(index, len(fields))
	for i, f := range slices.Backward(fields) {
		name := lowerName(f.Name)
		x[name] = append(x[name], i)
	}
	return x
}

// without returns an index that does not find one of the fields of a name: a
// signature's h= never means the signature itself (RFC 6376 section 3.5).
func (x index) without(name string, field int) index {
	name = lowerName(name)
	x = maps.Clone(x)
	x[name] = slices.DeleteFunc(slices.Clone(x[name]), func(i int) bool { return i == field })
	return x
}

func lowerName(name string) string { return strings.ToLower(strings.TrimRight(name, " \t")) }

// signedHeader appends the canonical form of the fields that the names stand
// for: each time a name comes up, the next field of that name from the lowest
// up, and nothing where there is none left (RFC 6376 section 5.4.2).
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

// signatureInput appends the canonical form of a signature's own field, given
// with an empty b= tag, without the line's end (RFC 6376 section 3.7).
func signatureInput(dst []byte, m canon.Method, name, raw string) []byte {
	dst = m.AppendField(dst, name, raw)
	return dst[:len(dst)-len("\r\n")]
}
