package authres

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// authservID is what stands at the place of the authserv-id in a field.
type authservID struct {
	text, version string
	// ok means that it is a word or a quoted string, as RFC 8601 requires.
	ok bool
	// isResult means that a result stands there instead: "spf=pass".
	isResult bool
}

// authservID reads the authserv-id and the version behind it.
func (s *scanner) authservID() (id authservID) {
	if s.peek() == '"' {
		id.text, id.ok = s.quoted()
		id.text = strings.Trim(id.text, blank)
	} else {
		word := s.run(blank + `;("`)
		id.isResult = strings.Contains(word, "=")
		id.text, id.version, _ = strings.Cut(word, "/") // some programs write the version directly behind the id
		id.ok = isWord(id.text) && strings.Trim(id.version, "0123456789") == ""
	}
	if !s.skip() {
		id.ok = false
	}
	if id.version == "" {
		id.version = s.digits()
	}
	id.isResult = id.isResult || s.peek() == '='
	return id
}

// tspecials are the printable characters that a token cannot have (RFC 2045 section 5.1).
const tspecials = `()<>@,;:\"/[]?=`

// isWord reports whether text needs no quotes for a reader: it consists of the characters of
// a token, and of letters, marks and numbers beyond ASCII, which internationalized names
// have. White space and other characters of Unicode do not belong to a name.
func isWord(text string) bool {
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf:
			if r <= ' ' || r == 0x7f || strings.ContainsRune(tspecials, r) {
				return false
			}
		case r == utf8.RuneError, !unicode.In(r, unicode.L, unicode.M, unicode.N) && !isFullStop(r):
			return false
		}
	}
	return text != ""
}

// isFullStop reports whether a character separates labels as a dot does (RFC 3490 section
// 3.1).
func isFullStop(r rune) bool { return r == '\u3002' || r == '\uff0e' || r == '\uff61' }

// isToken reports whether text is a token (RFC 2045 section 5.1).
func isToken(text string) bool { return isASCII(text) && isWord(text) }

// isKeyword reports whether text can be a method, a result, or the type or name of a
// property: letters, digits, and hyphens between them (Keyword in RFC 5321 section 4.1.2).
func isKeyword(text string) bool {
	for i := range len(text) {
		if c := text[i]; !isAlphaNum(c) && (c != '-' || i == 0 || i == len(text)-1) {
			return false
		}
	}
	return text != ""
}

func isAlphaNum(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
