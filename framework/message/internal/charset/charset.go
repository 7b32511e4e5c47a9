package charset

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// ToUTF8 converts content from the charset to UTF-8, and reports whether the
// charset is known. Bytes that are invalid in the charset become U+FFFD. If the charset is
// unknown, ToUTF8 guesses: the content is UTF-8 or, if it is not valid, Latin-1 as browsers
// read it (windows-1252). ASCII is readable in both. UTF-7 is unknown: RFC 2047 does not
// allow it in mail, and it can hide any text in ASCII.
func ToUTF8(charset string, content []byte) (text string, known bool) {
	name := strings.ToLower(strings.Trim(charset, " \t"))
	if isPlaceholder(name) {
		return guess(content), true
	}
	for _, name := range spellings(name) {
		if enc := find(name); enc != nil {
			return decode(enc, content), true
		}
	}
	return guess(content), false
}

func decode(enc encoding.Encoding, content []byte) string {
	converted, err := enc.NewDecoder().Bytes(content)
	if err != nil {
		converted = append(converted, "\ufffd"...)
	}
	return string(converted)
}

func guess(content []byte) string {
	if utf8.Valid(content) {
		return string(content)
	}
	return decode(charmap.Windows1252, content)
}

// isPlaceholder reports whether a name says that the charset is not known (RFC 1428). All
// readers guess then.
func isPlaceholder(name string) bool {
	switch name {
	case "", "unknown-8bit", "x-unknown", "unknown", "default":
		return true
	}
	return false
}

// spellings returns the spellings of a name in which it may be known: as it is, with
// hyphens, and without them. Some readers take all of them for the same.
func spellings(name string) []string {
	if !strings.ContainsAny(name, "_- ") {
		return []string{name}
	}
	return []string{
		name,
		strings.NewReplacer("_", "-", " ", "-").Replace(name),
		strings.NewReplacer("_", "", " ", "", "-", "").Replace(name),
	}
}

// find returns the encoding of a charset, or nil if it is unknown. It looks up
// the name as browsers and mail programs do, and then in IANA's registry.
func find(name string) encoding.Encoding {
	switch name {
	// UTF-16 without saying in which order its bytes are. Then a byte order mark says
	// it. Without a mark, RFC 2781 section 4.3 asks for big-endian, but mail is
	// little-endian: it is written by programs that mean the order of their machines,
	// and browsers read it so.
	case "utf-16", "csutf16", "ucs-2", "iso-10646-ucs-2", "unicode", "csunicode":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case "utf-32":
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)
	case "utf-32le":
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	case "utf-32be":
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	case "u8", "utf", "cp65001":
		return unicode.UTF8
	}
	enc, err := htmlindex.Get(name)
	if err == nil && enc != encoding.Replacement {
		return enc
	}
	enc, err = ianaindex.MIME.Encoding(name)
	if err != nil {
		return nil
	}
	return enc
}
