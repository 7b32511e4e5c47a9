package mta

import (
	"bytes"
	"strings"
)

// Bytes returns the text of the message: the header, an empty line, and the
// body. The header includes Received unless that is nil. Header lines end with
// CRLF. The body is unchanged.
func (m *Message) Bytes() []byte {
	var b bytes.Buffer
	for i, f := range m.Header {
		if i == m.Above {
			m.Received.write(&b)
		}
		f.write(&b)
	}
	if m.Above >= len(m.Header) {
		m.Received.write(&b)
	}
	b.WriteString("\r\n")
	b.Write(m.Body)
	return b.Bytes()
}

func (f *Field) write(b *bytes.Buffer) {
	if f == nil {
		return
	}
	b.WriteString(f.Name)
	b.WriteByte(':')
	b.WriteString(strings.ReplaceAll(strings.ReplaceAll(f.Value, "\r\n", "\n"), "\n", "\r\n"))
	b.WriteString("\r\n")
}
