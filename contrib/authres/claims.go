package authres

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/sluicemail/sluice/framework/message"
)

// Claims reports whether the value of an Authentication-Results field claims to be of one of
// the hosts or services with the given ids. Empty ids are ignored.
//
// The claim may have any form that a program takes for the id: other case, comments and white
// space around it, a quoted string with quoted pairs, a version behind it, folds, a dot at
// the end, an internationalized name in UTF-8 or with A-labels.
//
// If the field is malformed up to its first semicolon, or if its authserv-id is not a word,
// programs read it differently. Claims then returns true if one of the ids occurs anywhere in
// the field, but not as a part of a longer label: in the text as it is, without white space, invisible characters, quotes and
// comments, or with encoded words decoded. It also returns true for such a field with more
// than 1,000 encoded words.
func Claims(value string, ids ...string) bool {
	s := scanner{text: value}
	ok := s.skip()
	id := s.authservID()
	plain := ok && id.ok && !id.isResult && isWord(id.text)
	if plain {
		ok = s.skip()
		plain = ok && (s.end() || s.peek() == ';')
	}
	var ways []reading
	return slices.ContainsFunc(ids, func(name string) bool {
		name = strings.TrimRight(name, ".")
		switch {
		case name == "":
			return false
		case plain:
			return sameHost(id.text, name)
		case strings.Count(value, "=?") > maxWords:
			return true
		case ways == nil:
			ways = readings(value)
		}
		return mentions(ways, name)
	})
}

// maxWords is the number of encoded words that are decoded in a malformed field. No honest
// field has any, so that Claims takes a field with more as a claim to be of any host.
const maxWords = 1000

// reading is a form in which programs may read a malformed field.
type reading struct {
	text     string // as folded returns it
	squeezed string // the same without what visible removes
}

func newReading(text string) reading { return reading{folded(text), folded(visible(text))} }

// readings returns a malformed field as different programs may read it: with comments and
// without them, and with its encoded words decoded.
func readings(value string) []reading {
	ways := []reading{newReading(value), newReading(withoutComments(value))}
	decoded, _ := message.Decoder{MaxValue: len(value), MaxWords: maxWords}.Decode(value) // usable with an error, too
	if decoded != value {
		ways = append(ways, newReading(decoded), newReading(withoutComments(decoded)))
	}
	return ways
}

// mentions reports whether one of the readings contains a name, in UTF-8 or in its ASCII
// form.
func mentions(ways []reading, name string) bool {
	forms := []string{folded(name), folded(visible(name)), asciiDomain(name)}
	if unicodeForm, err := idna.Display.ToUnicode(name); err == nil {
		forms = append(forms, folded(unicodeForm))
	}
	return slices.ContainsFunc(ways, func(way reading) bool { return slices.ContainsFunc(forms, way.mentions) })
}

// mentions reports whether the reading contains a name that is not a part of a longer
// label, such as example.org in notexample.org. A name counts that appears only when white
// space is removed, because then nobody can say where its first label begins.
func (r reading) mentions(form string) bool {
	if form == "" {
		return false
	}
	all, parts := occurrences(r.text, form)
	squeezed, _ := occurrences(r.squeezed, form)
	return all > parts || squeezed > parts
}

// occurrences counts where a form occurs in a text, and where it is a part of a longer label
// there.
func occurrences(text, form string) (all, parts int) {
	for at := 0; ; at++ {
		i := strings.Index(text[at:], form)
		if i < 0 {
			return all, parts
		}
		at += i
		all++
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		behind, _ := utf8.DecodeRuneInString(text[at+len(form):])
		if inLabel(before) || inLabel(behind) {
			parts++
		}
	}
}

// inLabel reports whether a label of a name can contain a character.
func inLabel(r rune) bool {
	return r != utf8.RuneError && (r == '-' || r == '_' || unicode.In(r, unicode.L, unicode.M, unicode.Nd))
}

// folded returns text in lower case, with the letters and dots that domain names treat
// as equal made equal, such as the wide letters of East Asian texts.
func folded(text string) string {
	return strings.ToLower(strings.ReplaceAll(norm.NFKC.String(text), "\u3002", "."))
}

// visible returns text without white space, control characters, characters that show
// nothing, bytes that are not UTF-8, quotes and backslashes.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' || r == utf8.RuneError || unicode.IsSpace(r) ||
			unicode.In(r, unicode.Z, unicode.C, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
			return -1
		}
		return r
	}, text)
}

// withoutComments returns text with a space for each comment that ends.
func withoutComments(text string) string {
	var out strings.Builder
	for s := (scanner{text: text}); !s.end(); {
		out.WriteString(s.run("("))
		if s.skip(); !s.end() {
			out.WriteByte(' ')
		}
	}
	return out.String()
}
