package filter

import (
	"bytes"
	"fmt"
)

// maxLine is the maximum length of a line of a message, in bytes without the
// CRLF (RFC 5321, section 4.5.3.1.6). MTAs break longer lines at any place.
const maxLine = 998

// Canonical converts a text to the body of a message, in which each line ends
// with CRLF, including the last one. It returns an error that names the line if
// a body cannot have it: if the line is too long, or holds NUL or a bare CR.
func Canonical(text []byte) ([]byte, error) {
	var body bytes.Buffer
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		switch {
		case bytes.ContainsAny(line, "\r\x00"):
			return nil, fmt.Errorf("line %d holds NUL, or a CR that is not before LF", number)
		case len(line) > maxLine:
			return nil, fmt.Errorf("line %d has %d bytes, and %d are allowed", number, len(line), maxLine)
		}
		body.Write(line)
		body.WriteString("\r\n")
	}
	return body.Bytes(), nil
}
