package printable

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rune reports whether a character is shown as it is.
func Rune(r rune) bool {
	if r < utf8.RuneSelf {
		return ' ' <= r && r < 0x7f
	}
	return strconv.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Text returns a text with the characters escaped that are not shown as they are. It
// returns a printable text unchanged, without allocating.
func Text(text string) string { return escape(text, "") }

// Lines is a text of several lines, such as a stack. [Handler] keeps its line ends and
// tabs, and escapes all other characters as [Text] does. The text must not contain data
// from outside of the program.
type Lines string

// escape escapes the characters that are not shown as they are, except those in keep.
func escape(text, keep string) string {
	at := first(text, keep)
	if at == len(text) {
		return text
	}
	out := make([]byte, 0, len(text)+len(`\u202e`))
	for at < len(text) {
		out = append(out, text[:at]...)
		r, size := utf8.DecodeRuneInString(text[at:])
		out = appendEscaped(out, r, text[at:at+size])
		text = text[at+size:]
		at = first(text, keep)
	}
	return string(append(out, text...))
}

// first returns the index of the first character to be escaped, or the length of the
// text.
func first(text, keep string) int {
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		invalid := r == utf8.RuneError && size == 1
		if invalid || !Rune(r) && !strings.ContainsRune(keep, r) {
			return i
		}
		i += size
	}
	return len(text)
}

// appendEscaped appends the escape of a character, or of a byte that is not UTF-8.
func appendEscaped(out []byte, r rune, raw string) []byte {
	if r == utf8.RuneError && len(raw) == 1 {
		return fmt.Appendf(out, `\x%02x`, raw[0])
	}
	var room [len(`'\U0010ffff'`)]byte
	quoted := strconv.AppendQuoteRuneToASCII(room[:0], r)
	return append(out, quoted[1:len(quoted)-1]...)
}

// Cut returns the first limit bytes of a text, without half a character, and the number
// of the bytes that it left out.
func Cut(text string, limit int) (head string, rest int) {
	if len(text) <= limit {
		return text, 0
	}
	cut := limit
	for cut > 0 && limit-cut < utf8.UTFMax && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut], len(text) - cut
}

// Short returns Text of the first limit bytes, followed by the number of the bytes that
// were left out, if there are any.
func Short(text string, limit int) string {
	head, rest := Cut(text, limit)
	return More(Text(head), rest)
}

// More returns a text, followed by a number of bytes that were left out, if it is not
// zero.
func More(shown string, rest int) string {
	if rest == 0 {
		return shown
	}
	return fmt.Sprintf("%s… and %d bytes more", shown, rest)
}
