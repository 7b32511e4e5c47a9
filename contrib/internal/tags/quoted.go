package tags

import (
	"encoding/hex"
	"errors"
	"strings"
)

// ErrQuoted is the error of Unquote for an equals sign without two hexadecimal
// digits after it.
var ErrQuoted = errors.New("malformed quoted-printable")

// Unquote decodes a value in dkim-quoted-printable (RFC 6376 section 2.11). It
// removes white space, which such a value cannot contain unless it is encoded.
// It accepts hexadecimal digits in lower case, which the RFC does not. A value
// may contain characters that are not ASCII (RFC 8616). The result may contain
// any byte.
//
// Only i= and z= of a signature and n= of a key record are encoded in this way.
// Nothing reads z= and n=. The arguments that q= may have are encoded too, but
// no query method with arguments is defined.
func Unquote(value string) (string, error) {
	value = Squeeze(value)
	if !strings.Contains(value, "=") {
		return value, nil
	}
	var out strings.Builder
	for {
		plain, rest, found := strings.Cut(value, "=")
		_, _ = out.WriteString(plain)
		if !found {
			return out.String(), nil
		}
		if len(rest) < 2 {
			return "", ErrQuoted
		}
		octet, err := hex.DecodeString(rest[:2])
		if err != nil {
			return "", ErrQuoted
		}
		_, _ = out.Write(octet)
		value = rest[2:]
	}
}
