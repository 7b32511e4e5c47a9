package message

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/framework/message/internal/charset"
	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

// encodedWord is an encoded word such as =?utf-8?q?gr=C3=BC=C3=9Fe?=.
type encodedWord struct {
	raw, charset, text string
	base64             bool
}

// maxCharset is the maximum length of a charset's name. The longest in IANA's
// registry have 45 letters.
const maxCharset = 64

// nextWord returns the next encoded word and its position. If there is none, it
// returns the length of the value and false. It reads each byte at most a
// constant number of times.
func nextWord(value string, from int) (begin int, word encodedWord, ok bool) {
	for {
		i := strings.Index(value[from:], "=?")
		if i < 0 {
			return len(value), encodedWord{}, false
		}
		begin := from + i
		if word, ok := parseWord(value[begin:]); ok {
			return begin, word, true
		}
		from = begin + len("=?")
	}
}

// parseWord parses an encoded word at the beginning of text, which begins with
// "=?". It also accepts what RFC 2047 forbids and some reader decodes: white space in the
// word, question marks in its text, and a charset that is empty or has white space.
func parseWord(text string) (encodedWord, bool) {
	rest := text[len("=?"):]
	name, rest, ok := strings.Cut(rest[:min(len(rest), maxCharset+len("?q?"))], "?")
	if !ok || len(rest) < len("q?") || rest[1] != '?' || strings.Contains(name, "=") {
		return encodedWord{}, false
	}
	code := ascii.Lower(rest[0])
	head := len("=?") + len(name) + len("?q?")
	n := wordTextLen(text[head:])
	if code != 'b' && code != 'q' || n < 0 {
		return encodedWord{}, false
	}
	name, _, _ = strings.Cut(name, "*") // RFC 2231 allows a language after the *
	end := head + n
	w := encodedWord{text[:end+len(wordEnd)], strings.Trim(name, blanks), text[head:end], code == 'b'}
	return w, !w.base64 || n == 0 || hasBase64(w.text)
}

// wordTextLen returns the length of the text of an encoded word up to the "?=" that ends
// it. It returns -1 if there is none before another word begins, so that no byte is looked
// at for many words.
func wordTextLen(text string) int {
	for i := 0; i < len(text); i++ {
		n := strings.IndexByte(text[i:], '?')
		if n < 0 {
			return -1
		}
		i += n
		switch {
		case strings.HasPrefix(text[i:], wordEnd):
			return i
		case i > 0 && text[i-1] == '=':
			return -1
		}
	}
	return -1
}

// content returns the decoded bytes of the word, and whether readers differ in decoding
// it. Of a malformed word, it returns what most of them show: foreign bytes in base64 do
// not count (RFC 2045 section 6.8), and an = without a code stands for itself.
func (e encodedWord) content() (content []byte, differs bool) {
	if e.base64 {
		return base64Content(e.text)
	}
	content = make([]byte, 0, len(e.text))
	for i := 0; i < len(e.text); i++ {
		switch c := e.text[i]; {
		case c == '_':
			content = append(content, ' ')
		case c == '=' && i+2 < len(e.text) && lex.IsHex(e.text[i+1]) && lex.IsHex(e.text[i+2]):
			content = append(content, lex.Unhex(e.text[i+1])<<4|lex.Unhex(e.text[i+2]))
			i += 2
		default:
			content = append(content, c)
		}
	}
	return content, false
}

// hasBase64 reports whether a text contains base64 of at least one byte.
func hasBase64(text string) bool {
	n := 0
	for i := range len(text) {
		switch {
		case text[i] == '=':
			n = 0
		case lex.IsBase64(text[i]):
			n++
		}
		if n == 2 {
			return true
		}
	}
	return false
}

// base64Content decodes base64. Readers differ if there is text behind the padding, which
// some drop, or a character too many, with which some decode nothing.
func base64Content(text string) (content []byte, differs bool) {
	content = make([]byte, 0, base64.RawStdEncoding.DecodedLen(len(text)))
	digits := make([]byte, 0, len(text))
	padded := false
	for i := range len(text) {
		switch c := text[i]; {
		case lex.IsBase64(c):
			digits = append(digits, c)
			differs = differs || padded
		case c == '=':
			padded = true
			differs = differs || len(digits)%4 == 1
			content, digits = appendBase64(content, digits), digits[:0]
		}
	}
	return appendBase64(content, digits), differs || len(digits)%4 == 1
}

// appendBase64 appends the bytes that digits of base64 mean. It drops a digit too many.
func appendBase64(content, digits []byte) []byte {
	if len(digits)%4 == 1 {
		digits = digits[:len(digits)-1]
	}
	content, _ = base64.RawStdEncoding.AppendDecode(content, digits) // all are digits
	return content
}

// toUTF8 converts text in a charset to UTF-8. The text is usable also with an error, which
// is ErrUnknownCharset, ErrAmbiguousWord or ErrNotText.
func toUTF8(name string, content []byte) (string, error) {
	text, known := string(content), true
	if !strings.EqualFold(name, "utf-8") {
		text, known = charset.ToUTF8(name, content)
	}
	switch {
	case !known:
		return text, ErrUnknownCharset
	case strings.IndexByte(text, 0) >= 0:
		return text, ErrAmbiguousWord
	case !utf8.ValidString(text):
		return strings.ToValidUTF8(text, "\ufffd"), ErrNotText
	case strings.ContainsRune(text, '\ufffd'):
		return text, ErrNotText
	}
	return text, nil
}
