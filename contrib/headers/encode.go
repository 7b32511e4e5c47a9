package headers

import (
	"mime"
	"regexp"
	"strings"

	"github.com/sluicemail/sluice/middleware"
)

// encoded returns text as encoded words (RFC 2047). Printable ASCII text is
// returned unchanged.
func encoded(text string) string {
	return mime.QEncoding.Encode("utf-8", strings.ToValidUTF8(text, "\uFFFD"))
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 }) < 0
}

// truncateWords shortens text to at most n bytes. It does not split a word.
func truncateWords(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return text[:max(strings.LastIndexByte(text[:n+1], ' '), 0)]
}

// decoded returns a value in one line with its encoded words decoded. Words in
// an unknown charset stay encoded.
func decoded(value string) string {
	text, _ := middleware.DecodeHeaderValue(value) // the text is usable even with an error
	return text
}

// tagger adds text before or after a value so that mail readers show both
// unchanged, one after the other. An encoded word must have white space around
// it, and readers hide the white space between two encoded words.
type tagger struct {
	begins, ends *regexp.Regexp // matches a value that begins or ends with an encoded word
}

func newTagger() *tagger {
	const word = `=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=`
	return &tagger{begins: regexp.MustCompile(`^` + word + `(\s|$)`), ends: regexp.MustCompile(`(^|\s)` + word + `$`)}
}

// before returns the text followed by the value.
func (t *tagger) before(text, value string) string {
	word := t.begins.MatchString(value)
	switch {
	case value == "":
		return encoded(strings.TrimRight(text, " "))
	case isASCII(text) && (!word || strings.HasSuffix(text, " ")):
		return text + value
	case isASCII(text):
		return text + " " + value
	case word:
		return encoded(text) + " " + value
	default:
		return encoded(strings.TrimRight(text, " ")) + " " + value
	}
}

// after returns the value followed by the text.
func (t *tagger) after(value, text string) string {
	word := t.ends.MatchString(value)
	switch {
	case value == "":
		return encoded(strings.TrimLeft(text, " "))
	case isASCII(text) && (!word || strings.HasPrefix(text, " ")):
		return value + text
	case isASCII(text):
		return value + " " + text
	case word:
		return value + " " + encoded(text)
	default:
		return value + " " + encoded(strings.TrimLeft(text, " "))
	}
}
