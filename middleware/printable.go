package middleware

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Printable returns a value as it can be shown on any terminal and read back: a
// control character, a byte that is not UTF-8, and a character that cannot be
// seen is written as Go writes it in a string, \r or \x1b or \u202e, and a
// backslash twice. What is beyond limit bytes is counted and left out.
//
// The handlers of log/slog do not see to that by themselves: JSON leaves the
// control characters from U+007F on as they are, and replaces what is not
// UTF-8.
func Printable(value string, limit int) string {
	if len(value) <= limit && isPrintable(value) {
		return value
	}
	rest := 0
	if len(value) > limit {
		cut := limit
		for cut > 0 && limit-cut < utf8.UTFMax && !utf8.RuneStart(value[cut]) {
			cut--
		}
		rest, value = len(value)-cut, value[:cut]
	}
	shown := make([]byte, 0, len(value)+len(`\r\n`))
	for len(value) > 0 {
		_, size := utf8.DecodeRuneInString(value)
		shown = appendPrintable(shown, value[:size])
		value = value[size:]
	}
	if rest > 0 {
		return fmt.Sprintf("%s… and %d bytes more", shown, rest)
	}
	return string(shown)
}

// appendPrintable appends one character as it can be shown.
func appendPrintable(dst []byte, character string) []byte {
	if character == `"` {
		return append(dst, '"')
	}
	var room [len(`"\U0010ffff"`)]byte
	quoted := strconv.AppendQuote(room[:0], character)
	return append(dst, quoted[1:len(quoted)-1]...)
}

// isPrintable reports whether nothing is to be done for a value, as for most.
func isPrintable(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}
