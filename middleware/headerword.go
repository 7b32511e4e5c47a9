package middleware

import (
	"encoding/base64"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
)

// encodedWord is a word such as =?utf-8?q?gr=C3=BC=C3=9Fe?=.
type encodedWord struct {
	raw, charset, text string
	base64             bool
}

// maxCharset is the longest name of a charset; IANA's longest have 45 letters.
const maxCharset = 64

// nextWord returns the next encoded word and where it begins, which is the
// value's end when there is none. It looks at no byte more often than a fixed
// number of times.
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

// parseWord parses the word that text begins with. Spaces in it are against the
// rules, and common.
func parseWord(text string) (encodedWord, bool) {
	rest := text[len("=?"):]
	charset, rest, ok := strings.Cut(rest[:min(len(rest), maxCharset+len("?q?"))], "?")
	if !ok || charset == "" || len(rest) < len("q?") || rest[1] != '?' || strings.ContainsAny(charset, " =\t") {
		return encodedWord{}, false
	}
	code := lowerByte(rest[0])
	head := len("=?") + len(charset) + len("?q?")
	end := strings.IndexByte(text[head:], '?')
	if code != 'b' && code != 'q' || end < 0 || !strings.HasPrefix(text[head+end:], "?=") {
		return encodedWord{}, false
	}
	charset, _, _ = strings.Cut(charset, "*") // the language, by RFC 2231
	return encodedWord{text[:head+end+len("?=")], charset, text[head : head+end], code == 'b'}, true
}

// content returns the bytes that the word stands for.
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

// toUTF8 converts the bytes of a charset.
func toUTF8(charset string, content []byte) (string, error) {
	if strings.EqualFold(charset, "utf-8") {
		return validText(string(content), nil)
	}
	enc := charsetOf(charset)
	if enc == nil {
		return "", ErrUnknownCharset
	}
	text, err := enc.NewDecoder().Bytes(content)
	if err != nil || strings.ContainsRune(string(text), '\ufffd') {
		return string(text), ErrNotText
	}
	return string(text), nil
}

// charsetOf finds a charset as mail programs and browsers take its name, and
// else in IANA's registry. It returns nil for one that is not known.
func charsetOf(name string) encoding.Encoding {
	if enc, err := htmlindex.Get(name); err == nil && enc != encoding.Replacement {
		return enc
	}
	enc, err := ianaindex.MIME.Encoding(name)
	if err != nil {
		return nil
	}
	return enc
}
