package banner_test

import (
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"
)

// decoded returns content as the standard library decodes it.
func decoded(encoding, content string) (string, error) {
	var r io.Reader = strings.NewReader(content)
	switch encoding {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	}
	text, err := io.ReadAll(r)
	return string(text), err
}
