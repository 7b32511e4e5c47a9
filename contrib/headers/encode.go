package headers

import (
	"mime"
	"regexp"
	"strings"

	"github.com/sluicemail/sluice/middleware"
)

// encoded returns text as encoded words (RFC 2047), or as it is where it is
// printable ASCII.
func encoded(text string) string {
	return mime.QEncoding.Encode("utf-8", strings.ToValidUTF8(text, "\uFFFD"))
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 }) < 0
}

// wholeWords returns text in at most n bytes, no encoded word of it cut in two.
func wholeWords(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return text[:max(strings.LastIndexByte(text[:n+1], ' '), 0)]
}

// decoded returns a value in one line with its encoded words decoded. A word in
// a charset that nobody knows stays as it is, and has no effect on the others.
func decoded(value string) string {
	text, _ := middleware.DecodeHeaderValue(value) // an error comes with what can be shown
	return text
}

// tagger puts text before or behind values, so that readers see the two as
// they would see them written one behind the other. Spaces between two encoded
// words are not shown, and an encoded word must have spaces around it.
type tagger struct {
	begins, ends *regexp.Regexp // with an encoded word
}

func newTagger() *tagger {
	const word = `=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=`
	return &tagger{begins: regexp.MustCompile(`^` + word + `(\s|$)`), ends: regexp.MustCompile(`(^|\s)` + word + `$`)}
}

// before returns the value with text before it.
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

// behind returns the value with text behind it.
func (t *tagger) behind(value, text string) string {
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
