package mta

import (
	"bytes"
	"io"
	"strings"
)

// ReadMessage reads a message's text, with line ends of either kind, as an MTA
// takes it in: the header fields keep the bytes after the colon, lines
// separated by LF, and the body's lines are ended by CRLF. The header ends at
// an empty line or at the first line that is no header field, which then
// belongs to the body, as Postfix does it. The envelope is left empty. The
// error is the reader's.
func ReadMessage(r io.Reader) (*Message, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	m := new(Message)
	for len(text) > 0 {
		line, rest := cutLine(text)
		if len(line) == 0 {
			text = rest
			break
		}
		if !m.take(string(line)) {
			break
		}
		text = rest
	}
	m.Body = withCRLF(text)
	return m, nil
}

// take adds a line to the header, or reports that it does not belong there.
func (m *Message) take(line string) bool {
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

// isFieldName reports whether name is a field name by RFC 5322, section 2.2:
// printable ASCII without the colon.
func isFieldName(name string) bool {
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' {
			return false
		}
	}
	return name != ""
}

// cutLine returns the first line without its end, and what follows it.
func cutLine(text []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(text, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

// withCRLF ends every line by CRLF, the last one too. A CR that ends no line
// stays.
func withCRLF(text []byte) []byte {
	var out []byte
	for len(text) > 0 {
		var line []byte
		line, text = cutLine(text)
		out = append(append(out, line...), "\r\n"...)
	}
	return out
}
