package mta

import (
	"bytes"
	"io"
	"strings"
)

// ReadMessage parses the text of a message as an MTA does. Lines may end with
// LF or CRLF. Header values keep all bytes after the colon, with lines
// separated by LF. The lines of the body end with CRLF. The header ends at an
// empty line or before the first line that is not a header field, as in
// Postfix. The envelope is empty. The error is the reader's.
func ReadMessage(r io.Reader) (*Message, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return parseMessage(text), nil
}

func parseMessage(text []byte) *Message {
	m := new(Message)
	for len(text) > 0 {
		line, rest := cutLine(text)
		if len(line) == 0 {
			text = rest
			break
		}
		if !m.addHeaderLine(string(line)) {
			break
		}
		text = rest
	}
	m.Body = withCRLF(text)
	return m
}

// addHeaderLine adds a line to the header. It returns false if the line is not
// part of the header.
func (m *Message) addHeaderLine(line string) bool {
	if line[0] == ' ' || line[0] == '\t' {
		if len(m.Header) == 0 {
			return false
		}
		m.Header[len(m.Header)-1].Value += "\n" + line
		return true
	}
	name, value, found := strings.Cut(line, ":")
	name = strings.TrimRight(name, " \t")
	if !found || !isFieldName(name) {
		return false
	}
	m.Header = append(m.Header, Field{Name: name, Value: value})
	return true
}

// isFieldName reports whether name is a valid field name by RFC 5322 section
// 2.2: printable ASCII without the colon.
func isFieldName(name string) bool {
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' {
			return false
		}
	}
	return name != ""
}

// cutLine returns the first line without its line end, and the text after it.
func cutLine(text []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(text, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

// withCRLF ends every line with CRLF, including the last. It keeps a CR that is
// not part of a line end.
func withCRLF(text []byte) []byte {
	var out []byte
	for len(text) > 0 {
		var line []byte
		line, text = cutLine(text)
		out = append(append(out, line...), "\r\n"...)
	}
	return out
}
