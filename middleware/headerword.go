package middleware

import (
	"encoding/base64"
	"strings"

	"github.com/sluicemail/sluice/middleware/internal/charset"
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
// "=?". It accepts spaces in the word: RFC 2047 forbids them, but they are
// common.
func parseWord(text string) (encodedWord, bool) {
	rest := text[len("=?"):]
	name, rest, ok := strings.Cut(rest[:min(len(rest), maxCharset+len("?q?"))], "?")
	if !ok || name == "" || len(rest) < len("q?") || rest[1] != '?' || strings.ContainsAny(name, " =\t") {
		return encodedWord{}, false
	}
	code := lowerByte(rest[0])
	head := len("=?") + len(name) + len("?q?")
	end := strings.IndexByte(text[head:], '?')
	if code != 'b' && code != 'q' || end < 0 || !strings.HasPrefix(text[head+end:], "?=") {
		return encodedWord{}, false
	}
	name, _, _ = strings.Cut(name, "*") // RFC 2231 allows a language after the *
	return encodedWord{text[:head+end+len("?=")], name, text[head : head+end], code == 'b'}, true
}

// content returns the decoded bytes of the word, and whether its encoding is
// valid.
func (e encodedWord) content() ([]byte, bool) {
	if e.base64 {
		text := strings.TrimRight(strings.ReplaceAll(e.text, " ", ""), "=")
		content, err := base64.RawStdEncoding.DecodeString(text)
		return content, err == nil
	}
	content := make([]byte, 0, len(e.text))
	for i := 0; i < len(e.text); i++ {
		switch c := e.text[i]; {
		case c == '_':
			content = append(content, ' ')
		case c == '=' && i+2 < len(e.text) && isHex(e.text[i+1]) && isHex(e.text[i+2]):
			content = append(content, unhex(e.text[i+1])<<4|unhex(e.text[i+2]))
			i += 2
		case c == '=':
			return nil, false
		default:
			content = append(content, c)
		}
	}
	return content, true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= lowerByte(c) && lowerByte(c) <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return lowerByte(c) - 'a' + 10
}

// toUTF8 converts text in a charset to UTF-8. It returns ErrUnknownCharset or
// ErrNotText.
func toUTF8(name string, content []byte) (string, error) {
	if strings.EqualFold(name, "utf-8") {
		return validText(string(content), nil)
	}
	text, known := charset.ToUTF8(name, content)
	switch {
	case !known:
		return "", ErrUnknownCharset
	case strings.ContainsRune(text, '\ufffd'):
		return text, ErrNotText
	}
	return text, nil
}
