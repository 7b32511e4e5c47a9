package headers

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// softLine is the length in bytes of a line at which it is folded (RFC 5322
// section 2.1.1).
const softLine = 78

// maxRendered is the length to which the output of a template is truncated. The
// protocol allows 64 KiB for a field, including its name and folding.
const maxRendered = 60_000

// maxValue is the length of the longest field value that is sent to the MTA.
const maxValue = 64_000

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

// hasBreak reports whether a value contains a NUL, or a CR or LF that does not
// fold the line.
func hasBreak(value string) bool {
	value = strings.ReplaceAll(value, "\r\n", "\n")
	if strings.ContainsAny(value, "\r\x00") {
		return true
	}
	for {
		_, rest, found := strings.Cut(value, "\n")
		if !found {
			return false
		}
		if rest == "" || !isSpace(rest[0]) {
			return true
		}
		value = rest
	}
}
