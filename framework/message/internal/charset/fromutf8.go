package charset

import (
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"

	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

// asciiText are the characters that mail is written with.
const asciiText = "\t\r\n !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// ContainsASCII reports whether the charset is known and has every character of ASCII as the
// same byte, so that ASCII can be put between its bytes. UTF-16 and UTF-7 have not.
func ContainsASCII(charset string) bool {
	content, ok := FromUTF8(charset, asciiText)
	return ok && string(content) == asciiText
}

// FromUTF8 converts text from UTF-8 to the charset, and reports whether the charset is
// known and has all of its characters. If the charset is a placeholder that says nothing,
// it is that of ASCII.
func FromUTF8(charset, text string) (content []byte, ok bool) {
	if IsASCII(charset) {
		return []byte(text), lex.IsASCII(text)
	}
	if enc := findExact(charset); enc != nil {
		return encode(enc, text)
	}
	return nil, false
}

// HasShifts reports whether the charset is ISO-2022-JP (RFC 1468), in which escape sequences
// change what the bytes of ASCII mean. No other charset that is known here has them, but
// for those that do not contain ASCII: see [ContainsASCII].
func HasShifts(charset string) bool { return findExact(charset) == japanese.ISO2022JP }

// findExact returns the encoding of a charset, or nil if it is unknown. Other than for
// ToUTF8, Latin-1 is not windows-1252: browsers read it so, and other readers do not.
func findExact(charset string) encoding.Encoding {
	name := strings.ToLower(strings.Trim(charset, " \t"))
	for _, name := range spellings(name) {
		if enc := findName(name); enc != nil {
			return enc
		}
	}
	return nil
}

func findName(name string) encoding.Encoding {
	if enc, err := ianaindex.MIME.Encoding(name); err == nil && enc != nil {
		return enc
	}
	return find(name)
}

func encode(enc encoding.Encoding, text string) ([]byte, bool) {
	content, err := enc.NewEncoder().Bytes([]byte(text))
	if err != nil {
		return nil, false
	}
	return content, true
}

// IsASCII reports whether a charset is US-ASCII, or a placeholder that says nothing.
// Browsers take US-ASCII for windows-1252, and so does ToUTF8.
func IsASCII(charset string) bool {
	name := strings.ToLower(strings.Trim(charset, " \t"))
	return isPlaceholder(name) || name == "us-ascii" || name == "ascii" || name == "ansi_x3.4-1968"
}
