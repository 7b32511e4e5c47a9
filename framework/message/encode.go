package message

import (
	"strings"
	"unicode/utf8"

	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

// EncodeText returns the text of an unstructured field, such as Subject, in ASCII:
// the words that need it become encoded words (RFC 2047) in UTF-8. The text is
// unfolded first. Fold the result with [Fold].
//
// Words in printable ASCII stay as they are, encoded words among them, so that
// nothing is encoded twice. Mail readers show the result as they show the text:
// [Decode] returns the same for both. No encoded word is longer than 75 bytes, and
// none has a part of a character.
//
// If the text is not valid UTF-8, EncodeText returns it unchanged with
// [ErrNotText]. Nothing says in which charset such bytes are. Any encoded word
// would name one, and a wrong name destroys the text for good. Unchanged, readers
// that guess can still show it.
func EncodeText(text string) (string, error) {
	line := Unfold(text)
	switch {
	case isPrintable(line):
		return line, nil
	case !utf8.ValidString(line):
		return text, ErrNotText
	}
	return encodeWords(line, encodedWord.isASCII, isPrintable, isTextLiteral), nil
}

// encodeWords encodes the words of a text, without those of its encoded words that
// may be kept, and without plain words that need no encoding. A byte that is
// literal stands for itself in an encoded word.
func encodeWords(text string, kept func(encodedWord) bool, plain func(string) bool, literal func(byte) bool) string {
	e := encoder{literal: literal}
	if readable, ok := reread(text, kept); ok {
		e.addText(readable, func(piece string) bool { return plain(piece) && !hasWords(piece) })
		return e.end()
	}
	e.addWords(text, kept, plain)
	return e.end()
}

// reread returns the decoded text, if the text has encoded words that cannot be
// kept and all of it can be decoded.
func reread(text string, kept func(encodedWord) bool) (string, bool) {
	for at := 0; at < len(text); {
		begin, w, ok := nextWord(text, at)
		if ok && !kept(w) {
			readable, err := Decode(text)
			return readable, err == nil
		}
		at = begin + len(w.raw)
	}
	return "", false
}

// nextKept is like nextWord, but skips words that are not kept.
func nextKept(text string, from int, kept func(encodedWord) bool) (begin int, w encodedWord, ok bool) {
	for {
		begin, w, ok := nextWord(text, from)
		if !ok || kept(w) {
			return begin, w, ok
		}
		from = begin + len(w.raw)
	}
}

// isASCII reports whether the word has printable ASCII alone. If it has not, it is
// no encoded word by RFC 2047, though readers decode it.
func (e encodedWord) isASCII() bool { return isPrintable(e.raw) }

// isPrintable reports whether a text consists of printable ASCII and tabs.
func isPrintable(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < ' ' || c > '~') && c != '\t' {
			return false
		}
	}
	return true
}

// segment is a kind of the segments that an encoder is given.
type segment int

const (
	segmentVerbatim segment = iota // is written as it is
	segmentWord                    // an encoded word, which is written as it is
	segmentRaw                     // text to encode
)

// An encoder writes the parts of a value and encodes those that need it. Readers
// show no white space between two encoded words, so it encodes the white space
// there, and adds a space where a new encoded word would touch another part.
type encoder struct {
	out     strings.Builder
	literal func(c byte) bool // whether a byte of ASCII needs no code in a word
	comment bool              // whether text has quoted pairs, as in a comment
	space   string            // the white space before the next part
	pending []byte            // text to encode
	last    segment           // of what was written last
}

// addWords adds text with encoded words.
func (e *encoder) addWords(text string, kept func(encodedWord) bool, plain func(piece string) bool) {
	for at := 0; at < len(text); {
		begin, w, ok := nextKept(text, at, kept)
		e.addText(text[at:begin], plain)
		if ok {
			e.add(segmentWord, w.raw)
		}
		at = begin + len(w.raw)
	}
}

// addText adds text between encoded words, divided at its white space. Pieces that
// are not plain are encoded.
func (e *encoder) addText(text string, plain func(piece string) bool) {
	for text != "" {
		end := strings.IndexAny(text, blanks)
		if end < 0 {
			end = len(text)
		}
		switch piece := text[:end]; {
		case piece == "":
		case plain(piece):
			e.add(segmentVerbatim, piece)
		default:
			if e.comment {
				piece = lex.Unescape(piece)
			}
			e.add(segmentRaw, piece)
		}
		rest := strings.TrimLeft(text[end:], blanks)
		e.space = text[end : len(text)-len(rest)]
		text = rest
	}
}

// add adds a part, which the white space in e.space comes before.
func (e *encoder) add(kind segment, text string) {
	space := e.space
	e.space = ""
	switch {
	case kind == segmentRaw && len(e.pending) > 0:
		e.pending = append(append(e.pending, space...), text...)
		return
	case kind == segmentRaw && e.last == segmentWord:
		e.out.WriteByte(' ')
		e.pending = append(append(e.pending, space...), text...)
		return
	case kind == segmentRaw:
		e.out.WriteString(e.apart(space))
		e.pending = append(e.pending, text...)
		return
	case kind == segmentWord && len(e.pending) > 0:
		e.pending = append(e.pending, space...)
		space = " "
	case len(e.pending) > 0 && space == "" && text[0] != ')': // it ends a comment
		space = " "
	}
	e.flush()
	e.out.WriteString(space + text)
	e.last = kind
}

// apart returns the white space between what is written and a new encoded word.
func (e *encoder) apart(space string) string {
	if text := e.out.String(); space == "" && text != "" && text[len(text)-1] != '(' {
		return " "
	}
	return space
}

func (e *encoder) flush() {
	if len(e.pending) > 0 {
		writeWords(&e.out, string(e.pending), e.literal)
		e.pending, e.last = e.pending[:0], segmentWord
	}
}

// end returns the encoded value.
func (e *encoder) end() string {
	e.flush()
	return e.out.String()
}

// The parts of an encoded word in UTF-8, and its maximum length (RFC 2047 section
// 2).
const (
	wordBegin = "=?utf-8?q?"
	wordEnd   = "?="
	maxWord   = 75
)

// writeWords writes text as encoded words.
func writeWords(out *strings.Builder, text string, literal func(c byte) bool) {
	out.WriteString(wordBegin)
	width := len(wordBegin) + len(wordEnd)
	for len(text) > 0 {
		_, size := utf8.DecodeRuneInString(text)
		need := 3 * size
		if text[0] == ' ' || literal(text[0]) {
			need = 1
		}
		if width+need > maxWord {
			out.WriteString(wordEnd + " " + wordBegin)
			width = len(wordBegin) + len(wordEnd)
		}
		width += need
		for i := range size {
			writeByte(out, text[i], need == 1)
		}
		text = text[size:]
	}
	out.WriteString(wordEnd)
}

// writeByte writes a byte in the encoding "Q" (RFC 2047 section 4.2).
func writeByte(out *strings.Builder, c byte, literal bool) {
	const digits = "0123456789ABCDEF"
	switch {
	case c == ' ':
		out.WriteByte('_')
	case literal:
		out.WriteByte(c)
	default:
		out.Write([]byte{'=', digits[c>>4], digits[c&15]})
	}
}

// isTextLiteral reports whether a byte stands for itself in an encoded word of an
// unstructured field.
func isTextLiteral(c byte) bool {
	return c > ' ' && c <= '~' && c != '=' && c != '?' && c != '_'
}

// isPhraseLiteral reports whether a byte stands for itself in an encoded word of a
// phrase (RFC 2047 section 5).
func isPhraseLiteral(c byte) bool {
	return isAlpha(c) || isDigit(c) || c == '!' || c == '*' || c == '+' || c == '-' || c == '/'
}
