package parts

import (
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

// nameList collects the file names of a part.
type nameList struct {
	list  []string
	flaws Flaws
}

// addField adds the names that the value of a Content-Disposition or Content-Type gives.
func (l *nameList) addField(value string) {
	if strings.Contains(ascii.ToLower(value), "name") {
		l.addFrom(value, true)
	}
	if strings.IndexByte(value, '(') >= 0 {
		l.addFrom(value, false) // as readers do that know no comments
	}
	if strings.HasPrefix(strings.TrimLeft(value, " \t"), "=?") { // all of it is encoded
		l.addFrom(l.decoded(value), true)
	}
}

// addFrom adds the names in a value. First come those in the forms of RFC 2231, which
// readers prefer.
func (l *nameList) addFrom(value string, comments bool) {
	s := newScanner(value, comments)
	s.head()
	raw := s.parameters()
	for _, g := range groups(raw) {
		if isNameParam(g.base) {
			texts, known := g.values()
			if !known {
				l.flaws |= UnreadableName
			}
			for _, text := range texts {
				l.add(text)
			}
		}
	}
	for i := range raw {
		if r := &raw[i]; isNameParam(r.base) && !r.star && r.index < 0 {
			for _, text := range r.readings() {
				l.add(text)
			}
		}
	}
}

// isNameParam reports whether readers take a parameter for the name of a file, in
// either of the two fields.
func isNameParam(name string) bool { return name == "filename" || name == "name" }

// add adds what readers may make of a name: decoded, as it is, with percent encoding
// undone, up to a NUL.
func (l *nameList) add(text string) {
	if len(l.list) >= maxNames {
		l.flaws |= TooManyNames
		return
	}
	if strings.Contains(text, "=?") {
		l.addOne(l.decoded(text))
	}
	l.addOne(text)
	l.addOne(unpercent(text))
	if before, _, ok := strings.Cut(text, "\x00"); ok {
		l.addOne(before)
	}
}

// decoded returns text with its encoded words decoded.
func (l *nameList) decoded(text string) string {
	decoded, err := message.Decode(text)
	if err != nil && !errors.Is(err, message.ErrNotText) {
		l.flaws |= UnreadableName
	}
	return decoded
}

// addOne adds a name, and the name without what systems drop: characters that are not
// shown, bytes that are no text, and dots and spaces at the end.
func (l *nameList) addOne(text string) {
	text = cleanName(text)
	l.put(text)
	visible := strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
	l.put(strings.TrimRight(visible, ". \t\u00a0"))
}

func (l *nameList) put(name string) {
	switch {
	case name == "" || slices.Contains(l.list, name):
	case len(l.list) >= maxNames:
		l.flaws |= TooManyNames
	default:
		l.list = append(l.list, name)
	}
}

// cleanName returns a name as valid UTF-8 in one line.
func cleanName(text string) string {
	return strings.Trim(lex.OneLine(strings.ToValidUTF8(text, "\ufffd")), " \t")
}
