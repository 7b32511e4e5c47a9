package headers

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The length at which lines are folded where that is possible, and the length
// that none exceeds (RFC 5322 section 2.1.1).
const (
	softLine = 78
	hardLine = 998
)

// longest is the length at which the output of a template is cut. The protocol
// has room for 64 KiB, name and folding included.
const longest = 60_000

// longestSet is the length beyond which a field cannot be said to the MTA.
const longestSet = 64_000

// unfold returns a value in one line, without spaces at its ends.
func unfold(value string) string {
	if strings.IndexByte(value, '\n') >= 0 {
		value = strings.NewReplacer("\r\n", "", "\n", "").Replace(value)
	}
	return strings.Trim(value, " \t\r")
}

// oneLine returns text with each run of control characters as one space.
func oneLine(text string) string {
	if strings.IndexFunc(text, isControl) < 0 {
		return text
	}
	var b strings.Builder
	in := false
	for i := range len(text) {
		c := text[i]
		if !isControl(rune(c)) {
			_ = b.WriteByte(c)
		} else if !in {
			_ = b.WriteByte(' ')
		}
		in = isControl(rune(c))
	}
	return b.String()
}

// isControl reports whether a character has no place in a line. A tab has.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// cut returns text in at most n bytes, no character of it cut in two.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for back := range min(utf8.UTFMax, n+1) {
		if utf8.RuneStart(text[n-back]) {
			return text[:n-back]
		}
	}
	return text[:n] // it is no UTF-8 at all
}

// fold returns a value that stands in one line, in lines separated by LF. What
// stands before it in the first line is the name.
func fold(name, value string) string {
	if len(name)+len(": ")+len(value) <= softLine {
		return value
	}
	var b strings.Builder
	width := len(name) + len(": ")
	for i, word := range words(value) {
		if i > 0 && width+len(word) > softLine {
			_ = b.WriteByte('\n')
			width = 0
		}
		for width+len(word) > hardLine {
			head := cut(word, max(hardLine-width, 0)) // nothing, where not one character has room
			word = word[len(head):]
			_, _ = b.WriteString(head + "\n ")
			width = 1
		}
		_, _ = b.WriteString(word)
		width += len(word)
	}
	return b.String()
}

// words returns the pieces of a value that may stand on lines of their own:
// each but the first begins with the spaces before it. More of them than a line
// has are one, for no line may have nothing else on it.
func words(value string) []string {
	var list []string
	for begin := 0; begin < len(value); {
		end := begin
		for end < len(value) && isSpace(value[end]) {
			end++
		}
		if end-begin > softLine {
			begin = end - 1
		}
		for end < len(value) && !isSpace(value[end]) {
			end++
		}
		list = append(list, value[begin:end])
		begin = end
	}
	return list
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// longestText bounds the texts of a configuration.
const longestText = 8 << 10

func checkText(text string) error {
	switch {
	case len(text) > longestText:
		return fmt.Errorf("the text is longer than %d bytes", longestText)
	case !utf8.ValidString(text):
		return errors.New("the text is not UTF-8")
	case strings.ContainsFunc(text, isControl):
		return fmt.Errorf("%.60q holds a control character or an end of line", text)
	}
	return nil
}
