package main

import (
	"bytes"
	"fmt"
)

// maxLine is how long a line of a message may be without its end (RFC 5321,
// section 4.5.3.1.6). MTAs break longer ones, anywhere.
const maxLine = 998

// Canonical returns a text as the body of a message: each line, the last one
// too, ends with CRLF. A text that no body can be is an error that names the
// line.
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
