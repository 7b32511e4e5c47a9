package tags

import (
	"errors"
	"strings"
)

// Tag is a tag of a list.
type Tag struct {
	Name string
	// Value is the value without surrounding white space.
	Value string
	// Start and End are offsets in the parsed text. They enclose the value
	// with its surrounding white space.
	Start, End int
}

// List is a list of tags with distinct names.
type List []Tag

// Errors of Parse.
var (
	ErrSyntax    = errors.New("not a list of tags")
	ErrDuplicate = errors.New("duplicate tag")
	ErrTooMany   = errors.New("too many tags")
)

// maxTags limits the number of tags. Signatures have at most twelve standard
// tags.
const maxTags = 50

// Parse parses a tag list. The error is [ErrSyntax], [ErrDuplicate] or
// [ErrTooMany].
func Parse(text string) (List, error) {
	var list List
	for at := 0; at <= len(text); {
		end := len(text)
		if i := strings.IndexByte(text[at:], ';'); i >= 0 {
			end = at + i
		}
		name, _, found := strings.Cut(text[at:end], "=")
		start := at + len(name) + 1
		name = trim(name)
		switch {
		case !found && name == "" && end == len(text) && len(list) > 0: // the text ends with a semicolon
			return list, nil
		case !found || !isName(name) || !isValue(text[start:end]):
			return nil, ErrSyntax
		case len(list) == maxTags:
			return nil, ErrTooMany
		case list.has(name):
			return nil, ErrDuplicate
		}
		list = append(list, Tag{name, trim(text[start:end]), start, end})
		at = end + 1
	}
	return list, nil
}

// Find returns the tag with a name and whether it exists. Names are
// case-sensitive.
func (l List) Find(name string) (Tag, bool) {
	for _, t := range l {
		if t.Name == name {
			return t, true
		}
	}
	return Tag{}, false
}

// Get returns the value of the tag with a name, or "" if there is none.
func (l List) Get(name string) string {
	t, _ := l.Find(name)
	return t.Value
}

func (l List) has(name string) bool {
	_, ok := l.Find(name)
	return ok
}

// Squeeze removes all white space from a value. It is for tags in whose values
// white space has no meaning. It changes no other byte, even if the value is not
// UTF-8.
func Squeeze(value string) string {
	if !strings.ContainsAny(value, " \t\r\n") {
		return value
	}
	kept := make([]byte, 0, len(value))
	for i := range len(value) {
		if c := value[i]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			kept = append(kept, c)
		}
	}
	return string(kept)
}

// Items splits a value at colons and removes all white space.
func Items(value string) []string { return strings.Split(Squeeze(value), ":") }

func trim(s string) string { return strings.Trim(s, " \t\r\n") }

func isName(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		letter := 'a' <= c && c <= 'z'
		if !letter && (i == 0 || s[i] != '_' && (s[i] < '0' || s[i] > '9')) {
			return false
		}
	}
	return s != ""
}

// isValue reports whether a value has no control characters other than white
// space. It allows characters that are not ASCII, as the notes of RFC 6376 and
// RFC 8616 do.
func isValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f {
			return false
		}
	}
	return true
}
