package mta

import (
	"bytes"
	"strings"
)

// Bytes returns the message as text: the header, the MTA's own Received first
// where there is one, an empty line and the body, every line ended by CRLF.
// The body is as it is.
func (m *Message) Bytes() []byte {
	var b bytes.Buffer
	if m.Received != nil {
		m.Received.write(&b)
	}
	for _, f := range m.Header {
		f.write(&b)
	}
	b.WriteString("\r\n")
	b.Write(m.Body)
	return b.Bytes()
}

func (f Field) write(b *bytes.Buffer) {
	b.WriteString(f.Name)
	b.WriteByte(':')
	b.WriteString(strings.ReplaceAll(strings.ReplaceAll(f.Value, "\r\n", "\n"), "\n", "\r\n"))
	b.WriteString("\r\n")
}
