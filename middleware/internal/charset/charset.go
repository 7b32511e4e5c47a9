package charset

import (
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
)

// ToUTF8 converts content from the charset to UTF-8, and reports whether the
// charset is known. Bytes that are invalid in the charset become U+FFFD.
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

// find returns the encoding of a charset, or nil if it is unknown. It looks up
// the name as browsers and mail programs do, and then in IANA's registry.
// UTF-16 is looked up in the registry only: in mail it has a byte order mark
// (RFC 2781), which the encoding of browsers does not expect.
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
