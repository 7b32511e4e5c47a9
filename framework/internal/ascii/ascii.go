package ascii

// Lower returns the lower-case form of an ASCII letter and any other byte
// unchanged.
func Lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// ToLower returns s with its ASCII letters in lower case. It returns s itself,
// without allocating, if s has no upper-case letter.
func ToLower(s string) string {
	for i := range len(s) {
		if Lower(s[i]) != s[i] {
			var room [64]byte
			return string(AppendLower(room[:0], s))
		}
	}
	return s
}

// AppendLower appends s to dst with its ASCII letters in lower case.
func AppendLower[S []byte | string](dst []byte, s S) []byte {
	for i := range len(s) {
		dst = append(dst, Lower(s[i]))
	}
	return dst
}

// EqualFold reports whether a and b are equal if the case of ASCII letters is
// ignored. It does not allocate.
func EqualFold[A, B []byte | string](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if Lower(a[i]) != Lower(b[i]) {
			return false
		}
	}
	return true
}

// ValidHeaderName reports whether name can be the name of a header field: one
// or more printable US-ASCII characters other than the colon and the space
// (RFC 5322 section 3.6.8, ftext).
func ValidHeaderName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' || c == ':' {
			return false
		}
	}
	return name != ""
}
