package author

import (
	"strings"
	"unicode/utf8"

	mail "github.com/sluicemail/sluice/framework/message"
)

// Clear returns the only address in a From field that the grammar refuses, if all readers find
// this one. Either it is in the only angle brackets, which may lack their end, or it is the whole
// field. No other address may be outside of a display name. The local part may have dots where
// the grammar does not allow them, and "mailto:" may stand before it in brackets.
//
// If a quote or a comment does not end, some readers take the address for a part of it, and so
// the author is not clear.
func Clear(value string) (mail.Address, bool) {
	before, rest, bracketed := strings.Cut(value, "<")
	if !bracketed {
		before, rest = "", value
	}
	inner, behind, _ := strings.Cut(rest, ">")
	if strings.ContainsAny(before+inner+behind, "<>") || !endsAll(value) {
		return mail.Address{}, false
	}
	a, err := mail.ParseAddress("<"+inner+">", mail.Strict)
	if err != nil {
		var ok bool
		if a, ok = dotted(inner, bracketed); !ok {
			return mail.Address{}, false
		}
	}
	list, err := mail.ParseAddressList(value, mail.Tolerant)
	if err != nil || len(list) != 1 || list[0].Local != a.Local || list[0].Domain != a.Domain {
		return mail.Address{}, false
	}
	return a, true
}

// blanks are white space in a field.
const blanks = " \t\r\n"

// dotted parses an address whose local part begins or ends with a dot or has several in a row, as
// some providers allow, or that has "mailto:" before it in brackets.
func dotted(text string, bracketed bool) (mail.Address, bool) {
	text = strings.Trim(text, blanks)
	const scheme = "mailto:"
	if bracketed && len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		text = text[len(scheme):]
	}
	at := strings.LastIndexByte(text, '@')
	if at <= 0 || strings.ContainsFunc(text[:at], func(r rune) bool { return !inLocal(r) }) {
		return mail.Address{}, false
	}
	a, err := mail.ParseAddress("x"+text[at:], mail.Strict)
	if err != nil {
		return mail.Address{}, false
	}
	a.Local = text[:at]
	return a, true
}

// inLocal reports whether a character can be in a local part without quotes. Those beyond ASCII
// can (RFC 6532 section 3.2), and bytes that are not UTF-8 cannot.
func inLocal(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r >= utf8.RuneSelf && r != utf8.RuneError ||
		strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r)
}

// endsAll reports whether all quoted strings and comments in a field end.
func endsAll(value string) bool {
	quoted, depth := false, 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && (quoted || depth > 0):
			i++
		case c == '"' && depth == 0:
			quoted = !quoted
		case c == '(' && !quoted:
			depth++
		case c == ')' && !quoted && depth > 0:
			depth--
		}
	}
	return !quoted && depth == 0
}
