package message

import (
	"strings"
	"unicode/utf8"
)

// Line lengths in bytes (RFC 5322 section 2.1.1, and RFC 2047 section 2 for lines
// with encoded words). Lines are folded at softLine or wordLine if they have a space
// to fold at. No line exceeds hardLine.
const (
	softLine = 78
	wordLine = 76
	hardLine = 998
)

// Unfold returns a header value in one line without spaces at its ends (RFC 5322
// section 2.2.3). Lines may be separated by LF or CRLF. Other control characters,
// such as NUL, are kept.
func Unfold(value string) string {
	if strings.IndexByte(value, '\n') >= 0 {
		value = strings.ReplaceAll(strings.ReplaceAll(value, "\r\n", ""), "\n", "")
	}
	return strings.Trim(value, " \t\r")
}

// Fold returns the value of the field with the name in lines of at most 78 bytes,
// or 76 with encoded words, where it has spaces to fold at, and of at most 998 bytes
// otherwise (RFC 5322 section 2.1.1, RFC 2047 section 2). The value is unfolded first.
// Lines of the result are separated by LF. The first line leaves room for the name, a
// colon and a space.
//
// Folding changes no text: [Unfold] of the result is [Unfold] of the value, with
// two exceptions. A run of more than 78 spaces becomes one space, because a line
// must not consist of spaces alone (RFC 5322 section 4.2). A word of more than 998
// bytes is cut into lines, which adds a space at each cut.
func Fold(name, value string) string {
	value = Unfold(value)
	width := len(name) + len(": ")
	if width+len(value) <= wordLine {
		return value
	}
	var b strings.Builder
	limit := softLine
	for i, piece := range pieces(value) {
		if hasWords(piece) {
			limit = wordLine
		}
		if i > 0 && width+len(piece) > limit {
			b.WriteByte('\n')
			width, limit = 0, lineLimit(piece)
		}
		for width+len(piece) > hardLine {
			head := truncate(piece, max(hardLine-width, 0)) // empty if not even one character fits
			piece = piece[len(head):]
			b.WriteString(head + "\n ")
			width = 1
		}
		b.WriteString(piece)
		width += len(piece)
	}
	return b.String()
}

// lineLimit returns the length at which a line that begins with text is folded.
func lineLimit(text string) int {
	if hasWords(text) {
		return wordLine
	}
	return softLine
}

// pieces splits a value where it can be folded. Each piece but the first begins
// with the spaces before it. More than softLine spaces become one space.
func pieces(value string) []string {
	var list []string
	for begin := 0; begin < len(value); {
		end := begin
		for end < len(value) && isWSP(value[end]) {
			end++
		}
		if end-begin > softLine {
			begin = end - 1
		}
		for end < len(value) && !isWSP(value[end]) {
			end++
		}
		list = append(list, value[begin:end])
		begin = end
	}
	return list
}

// truncate shortens text to at most n bytes. It does not split a character.
func truncate(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for back := range min(utf8.UTFMax, n+1) {
		if utf8.RuneStart(text[n-back]) {
			return text[:n-back]
		}
	}
	return text[:n] // not UTF-8
}
