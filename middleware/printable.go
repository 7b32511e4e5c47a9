package middleware

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Printable returns a value in a form that is safe for any terminal and that can
// be converted back. It escapes control characters, invisible characters, and
// bytes that are not UTF-8 as in a Go string literal, for example \r, \x1b or
// \u202e, and doubles backslashes. It replaces the bytes after the first limit
// bytes by their number.
//
// The handlers of log/slog do not do this: slog.JSONHandler writes the control
// characters from U+007F on unchanged, and replaces bytes that are not UTF-8.
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

// appendPrintable appends one character, escaped if necessary.
func appendPrintable(dst []byte, character string) []byte {
	if character == `"` {
		return append(dst, '"')
	}
	var room [len(`"\U0010ffff"`)]byte
	quoted := strconv.AppendQuote(room[:0], character)
	return append(dst, quoted[1:len(quoted)-1]...)
}

// isPrintable reports whether no character of a value needs an escape. This is a
// fast path: it returns false for all values with characters outside ASCII.
func isPrintable(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}
