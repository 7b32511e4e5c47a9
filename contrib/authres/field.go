package authres

import (
	"strings"
)

// FieldName is the name of the header field.
const FieldName = "Authentication-Results"

// IsName reports whether a field with the given name is an Authentication-Results field. It
// ignores the case of ASCII letters, and white space before the colon, which RFC 5322 calls
// obsolete. Letters beyond ASCII that look alike or that Unicode folds to ASCII, such as the
// long s, make another name.
func IsName(name string) bool {
	name = strings.TrimRight(name, " \t")
	return len(name) == len(FieldName) && lower(name) == "authentication-results"
}

// Field is the content of an Authentication-Results field (RFC 8601 section 2.2).
type Field struct {
	// ID is the authserv-id: the name of the host or of the service that made the results.
	// It is without quotes.
	ID string
	// Version is the version of the field's format. "" means 1.
	Version string
	// Results are the results in their order. If there are none, the field says "none": the
	// host checked nothing.
	Results []Result
}

// Result is the result of one method. A method may have several results, such as one for
// each signature.
type Result struct {
	// Method is the method, such as "dkim". [Parse] returns it in lower case.
	Method string
	// Version is the version of the method. "" means 1.
	Version string
	// Value is the result, such as "pass". [Parse] returns it in lower case, and "" if it is
	// missing.
	Value string
	// Reason is an explanation for humans, or "".
	Reason string
	// Properties are what the method looked at, in their order.
	Properties []Property
}

// Property is a fact that a result is about, such as the domain of a signature:
// header.d=example.org.
type Property struct {
	// Type says where the fact comes from: "smtp", "header", "body", "policy", or another
	// word. [Parse] returns it in lower case, and "" for a property without a type, which some
	// hosts write.
	Type string
	// Name is the name of the fact, such as "mailfrom" or "d". [Parse] returns it in lower
	// case. It may contain dots.
	Name string
	// Value is the fact, without quotes.
	Value string
}

// Property returns the value of the first property of a type and a name, such as "header"
// and "d", and whether there is one. Case does not matter.
func (r *Result) Property(ptype, name string) (string, bool) {
	ptype, name = lower(ptype), lower(name)
	for _, p := range r.Properties {
		if lower(p.Type) == ptype && lower(p.Name) == name {
			return p.Value, true
		}
	}
	return "", false
}

// lower returns text with the letters A to Z in lower case, and no other: see [IsName].
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}
