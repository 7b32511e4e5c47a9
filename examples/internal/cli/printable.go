package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/sluicemail/sluice/framework/printable"
)

// Printable returns a text in which a question mark replaces each character that
// commands a terminal, changes the direction of the text, or is not seen, and each byte
// that is not UTF-8. Line ends and tabs stay. It is for text that comes from mail or from
// a peer.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || isShown(r) {
			return r
		}
		return '?'
	}, text)
}

// PrintableLine is like [Printable], but replaces line ends and tabs too. It is for text
// that must stay on its line, such as a value among others.
func PrintableLine(text string) string {
	return strings.NewReplacer("\n", "?", "\t", "?").Replace(Printable(text))
}

// isShown reports whether a terminal shows a character as itself, by the rule for log
// lines. The replacement character stands for bytes that are not UTF-8. Subjects often
// have emoji, whose color a variation selector requests.
func isShown(r rune) bool {
	const colorful = '\ufe0f'
	return printable.Rune(r) && r != unicode.ReplacementChar || r == colorful
}

// WriteJSON writes a value as JSON, with a line end. It escapes the characters that
// [Printable] replaces, so that nothing is lost. An indent that is not empty breaks the
// JSON into lines.
func WriteJSON(w io.Writer, value any, indent string) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(value); err != nil {
		return err
	}
	var out strings.Builder
	for _, r := range text.String() {
		if r == '\n' || isShown(r) {
			out.WriteRune(r)
			continue
		}
		// Only strings have such characters, because the encoder writes the rest
		// of the JSON.
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}
