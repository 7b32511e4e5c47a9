package message

import (
	"strings"
	"unicode/utf8"

	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

// EncodeAddresses returns the value of a field of addresses, such as From or To, or
// of another field with phrases, such as Keywords and List-ID, with the phrases and
// comments that need it as encoded words in UTF-8 (RFC 2047 section 5). The value is
// unfolded first. Fold the result with [Fold].
//
// Addresses stay as they are, in angle brackets or alone, and so do the names of
// groups and everything else in ASCII: quoted strings, comments and encoded words. A
// quoted string that is not ASCII becomes encoded words. An address that is not
// ASCII (RFC 6531) is not encoded, because no encoded word may be in an address: the
// result is not ASCII then. Malformed values are encoded as far as their parts can
// be told, and lose no text.
//
// If the value is not valid UTF-8, EncodeAddresses returns it unchanged with
// [ErrNotText], for the reason that [EncodeText] gives.
func EncodeAddresses(value string) (string, error) {
	line := Unfold(value)
	switch {
	case isPrintable(line):
		return line, nil
	case !utf8.ValidString(line):
		return value, ErrNotText
	}
	a := addressEncoder{rest: line, encoder: encoder{literal: isPhraseLiteral}}
	for a.next() {
	}
	a.element(!a.address)
	return a.end(), nil
}

// addressEncoder divides a value into the elements of its list. Only at the end of
// an element it is known whether the words of the element are a phrase or an
// address.
type addressEncoder struct {
	encoder
	rest    string
	tokens  []addressToken // of the present element
	address bool           // the present element has an @ outside quotes
}

type addressToken struct {
	space, text string  // as they are in the value
	kind        segment // in a phrase
	phrase      string  // the text in a phrase, before it is encoded
}

// next reads the next token. It returns false at the end.
func (a *addressEncoder) next() bool {
	rest := strings.TrimLeft(a.rest, blanks)
	space := a.rest[:len(a.rest)-len(rest)]
	a.rest = rest
	if rest == "" {
		return false
	}
	switch rest[0] {
	case '(':
		n, _ := lex.Comment(rest)
		text := a.take(n)
		a.hold(space, text, segmentVerbatim, encodeComment(text))
	case '<':
		a.element(true)
		a.copy(space, a.take(angleLen(rest)))
	case ',', ';', ':':
		a.element(!a.address)
		a.copy(space, a.take(1))
	default:
		a.unit(space)
	}
	return true
}

func (a *addressEncoder) take(n int) (text string) {
	text, a.rest = a.rest[:n], a.rest[n:]
	return text
}

func (a *addressEncoder) copy(space, text string) {
	a.space = space
	a.add(segmentVerbatim, text)
}

func (a *addressEncoder) hold(space, text string, kind segment, phrase string) {
	a.tokens = append(a.tokens, addressToken{space, text, kind, phrase})
}

// element ends an element, which is a phrase or an address.
func (a *addressEncoder) element(phrase bool) {
	for _, t := range a.tokens {
		a.space = t.space
		if phrase || t.kind == segmentVerbatim {
			a.add(t.kind, t.phrase)
		} else {
			a.add(segmentVerbatim, t.text)
		}
	}
	a.tokens, a.address = a.tokens[:0], false
}

// unit reads an encoded word, or atoms and quoted strings with no space between
// them.
func (a *addressEncoder) unit(space string) {
	if w, ok := wordInPhrase(a.rest); ok {
		a.take(len(w.raw))
		if w.isASCII() {
			a.hold(space, w.raw, segmentWord, w.raw)
		} else {
			a.hold(space, w.raw, segmentRaw, w.decoded())
		}
		return
	}
	all := a.rest
	var plain strings.Builder // the text without quotes
	for done := false; !done; {
		switch {
		case a.rest == "" || strings.IndexByte(" \t(<,;:", a.rest[0]) >= 0:
			done = true
		case a.rest[0] == '"':
			n, _ := lex.Quoted(a.rest)
			plain.WriteString(unquoted(a.take(n)))
		case strings.HasPrefix(a.rest, "@["):
			a.address = true
			plain.WriteString(a.take(literalLen(a.rest)))
		default:
			_, found := wordInPhrase(a.rest)
			if done = found; !done {
				a.address = a.address || a.rest[0] == '@'
				plain.WriteString(a.take(1))
			}
		}
	}
	text := all[:len(all)-len(a.rest)]
	if isPrintable(text) {
		a.hold(space, text, segmentVerbatim, text)
		return
	}
	a.hold(space, text, segmentRaw, decodedText(plain.String()))
}

// wordInPhrase returns the encoded word at the beginning of a text, if it can be
// told from the addresses around it.
func wordInPhrase(text string) (encodedWord, bool) {
	if !strings.HasPrefix(text, "=?") {
		return encodedWord{}, false
	}
	w, ok := parseWord(text)
	if !ok || strings.ContainsAny(w.raw, `(<>,;:"@`) {
		return encodedWord{}, false
	}
	return w, true
}

// fitsPhrase reports whether the word may be in a phrase.
func (e encodedWord) fitsPhrase() bool {
	for i := range len(e.text) {
		if c := e.text[i]; !isPhraseLiteral(c) && c != '=' && c != '_' {
			return false
		}
	}
	return isPrintable(e.raw) && isAtom(e.raw)
}

// decoded returns the text of the word, or the word itself if it has none.
func (e encodedWord) decoded() string {
	content, _ := e.content()
	if text, err := toUTF8(e.charset, content); err == nil {
		return text
	}
	return e.raw
}

// decodedText returns text with its encoded words decoded. Readers decode words in
// quoted strings, although RFC 2047 forbids it.
func decodedText(text string) string {
	if readable, err := Decode(text); err == nil && hasWords(text) {
		return readable
	}
	return text
}

// encodeComment returns a comment with the text that is not ASCII as encoded words.
func encodeComment(text string) string {
	if isPrintable(text) {
		return text
	}
	e := encoder{literal: isPhraseLiteral, comment: true}
	for text != "" {
		end := strings.IndexAny(text, `()\`)
		if end < 0 {
			end = len(text)
		}
		for end < len(text) && text[end] == '\\' { // a quoted pair is part of the text
			after := min(end+2, len(text))
			more := strings.IndexAny(text[after:], `()\`)
			if end = len(text); more >= 0 {
				end = after + more
			}
		}
		e.addWords(text[:end], encodedWord.fitsPhrase, isPrintable)
		if end < len(text) {
			e.add(segmentVerbatim, text[end:end+1])
			end++
		}
		text = text[end:]
	}
	return e.end()
}

// angleLen returns the length of the address in angle brackets at the beginning of
// a text.
func angleLen(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			n, _ := lex.Quoted(text[i:])
			i += n - 1
		case '>':
			return i + 1
		}
	}
	return len(text)
}

// literalLen returns the length of an @ and a domain literal at the beginning of a
// text.
func literalLen(text string) int {
	if end := strings.IndexByte(text, ']'); end >= 0 {
		return end + 1
	}
	return len(text)
}

// unquoted returns the text of a quoted string, whose end may be missing.
func unquoted(text string) string {
	if _, ends := lex.Quoted(text); ends {
		text = text[:len(text)-1]
	}
	return lex.Unescape(text[1:])
}
