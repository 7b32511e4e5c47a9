package signed

import (
	"slices"
	"strings"
)

// Field is a header field as it was sent.
type Field struct {
	// Name is the text before the colon.
	Name string
	// Raw is the unchanged text after the colon. It includes the space that
	// usually follows the colon. Folded lines are separated by CRLF or LF.
	Raw string
}

// Is reports whether the field has a name. It ignores the case of ASCII letters,
// and white space before the colon, which RFC 5322 calls obsolete. Letters that
// Unicode folds to ASCII, such as the long s, make another name, as they do for
// MTAs and for programs that read the mail.
func (f Field) Is(name string) bool {
	own := strings.TrimRight(f.Name, " \t")
	return len(own) == len(name) && LowerName(own) == LowerName(name)
}

// LowerName returns a name in lower case, without white space at its end.
func LowerName(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.TrimRight(name, " \t"))
}

// Index maps a name in lower case to the indexes of the fields with that name,
// from the bottom of the header to the top.
type Index map[string][]int

// NewIndex returns the index of a header.
func NewIndex(fields []Field) Index {
	x := make(Index, len(fields))
	for i, f := range slices.Backward(fields) {
		name := LowerName(f.Name)
		x[name] = append(x[name], i)
	}
	return x
}

// NoField is an index of no field.
const NoField = -1

// RestoreSpaces restores the space after each colon, which an MTA without
// SMFIP_HDR_LEADSPC removes. Such an MTA does not remove a tab. Fields that had
// no space look the same as fields that had one, but they are rare.
func RestoreSpaces(fields []Field) {
	for i := range fields {
		if !strings.HasPrefix(fields[i].Raw, "\t") {
			fields[i].Raw = " " + fields[i].Raw
		}
	}
}
