package headers

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Line lengths in bytes (RFC 5322 section 2.1.1). Lines are folded at softLine
// if they have a space to fold at. No line exceeds hardLine.
const (
	softLine = 78
	hardLine = 998
)

// maxRendered is the length to which the output of a template is truncated. The
// protocol allows 64 KiB for a field, including its name and folding.
const maxRendered = 60_000

// maxValue is the length of the longest field value that is sent to the MTA.
const maxValue = 64_000

// unfold returns a value in one line without spaces at its ends.
func unfold(value string) string {
	if strings.IndexByte(value, '\n') >= 0 {
		value = strings.NewReplacer("\r\n", "", "\n", "").Replace(value)
	}
	return strings.Trim(value, " \t\r")
}

// oneLine replaces each run of control characters by one space.
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

// isControl reports whether a character is a control character other than tab.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

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

// fold splits a value of one line into lines separated by LF. The first line
// leaves room for the name of the field.
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
			head := truncate(word, max(hardLine-width, 0)) // empty if not even one character fits
			word = word[len(head):]
			_, _ = b.WriteString(head + "\n ")
			width = 1
		}
		_, _ = b.WriteString(word)
		width += len(word)
	}
	return b.String()
}

// words splits a value into the pieces between which it can be folded. Each
// piece but the first begins with the spaces before it. More than softLine
// spaces become one space, because a line must not consist of spaces alone.
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

// maxText limits the length of a text in the configuration, in bytes.
const maxText = 8 << 10

func checkText(text string) error {
	switch {
	case len(text) > maxText:
		return fmt.Errorf("the text is longer than %d bytes", maxText)
	case !utf8.ValidString(text):
		return errors.New("the text is not valid UTF-8")
	case strings.ContainsFunc(text, isControl):
		return fmt.Errorf("%.60q contains a control character or a line break", text)
	}
	return nil
}
