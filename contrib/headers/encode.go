package headers

import (
	"strings"

	"github.com/sluicemail/sluice/framework/message"
)

// truncateWords shortens text to at most n bytes. It does not split a word.
func truncateWords(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return text[:max(strings.LastIndexByte(text[:n+1], ' '), 0)]
}

// decoded returns a value in one line with its encoded words decoded.
func decoded(value string) string {
	text, _ := message.Decode(value) // the text is usable even with an error
	return text
}
