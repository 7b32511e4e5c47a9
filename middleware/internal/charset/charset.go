package charset

import (
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
)

// ToUTF8 converts the bytes of a charset, and reports whether it is known. Bytes
// that the charset does not have become U+FFFD.
func ToUTF8(charset string, content []byte) (text string, known bool) {
	enc := find(charset)
	if enc == nil {
		return "", false
	}
	converted, err := enc.NewDecoder().Bytes(content)
	if err != nil {
		converted = append(converted, "\ufffd"...)
	}
	return string(converted), true
}

// find finds a charset as mail programs and browsers take its name, and else in
// IANA's registry. It returns nil for one that is not known. UTF-16 in mail has
// a byte order mark (RFC 2781), of which browsers know nothing.
func find(name string) encoding.Encoding {
	enc, err := htmlindex.Get(name)
	if err == nil && enc != encoding.Replacement && !strings.EqualFold(name, "utf-16") {
		return enc
	}
	enc, err = ianaindex.MIME.Encoding(name)
	if err != nil {
		return nil
	}
	return enc
}
