package mta

import (
	"bytes"
	"io"
	"slices"
	"strings"
)

// ReadMessage parses the text of a message as the function [ReadMessage] does, after
// the changes that the MTA makes to mail of SMTP clients before filters see it:
//
//   - Postfix removes the fields Bcc, Content-Length, Resent-Bcc and Return-Path
//     (message_drop_headers). A line at the top that begins with "From " or
//     ">From ", as in a mailbox file, becomes a field X-Mailbox-Line. All CR before a LF
//     are part of the line end, and any other CR becomes a space
//     (cleanup_replace_stray_cr_lf, since 3.7.10). A field of more than 60,000 bytes is
//     cut there, at a line end if it has one before.
//   - Sendmail removes a line at the top that begins with "From ".
//   - Plain makes no changes.
func (f Flavor) ReadMessage(r io.Reader) (*Message, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	switch f {
	case Postfix:
		m := parseMessage(receivedByPostfix(text))
		m.Header = slices.DeleteFunc(m.Header, droppedByPostfix)
		for i := range m.Header {
			m.Header[i].cutByPostfix()
		}
		return m, nil
	case Sendmail:
		if bytes.HasPrefix(text, []byte("From ")) {
			_, text = cutLine(text)
		}
	}
	return parseMessage(text), nil
}

// droppedByPostfix reports whether message_drop_headers names the field by default.
func droppedByPostfix(f Field) bool {
	return slices.Contains([]string{"bcc", "content-length", "resent-bcc", "return-path"}, strings.ToLower(f.Name))
}

// cutByPostfix cuts the value of a long field. Postfix does so if there is any filter.
func (f *Field) cutByPostfix() {
	room := 60_000 - len(f.Name) - len(":")
	if len(f.Value) <= room {
		return
	}
	f.Value = f.Value[:max(0, room)]
	if end := strings.LastIndexByte(f.Value, '\n'); end >= 0 {
		f.Value = f.Value[:end]
	}
}

// receivedByPostfix returns the text with the changes that Postfix makes line by line.
func receivedByPostfix(text []byte) []byte {
	var out []byte
	for top := true; len(text) > 0; {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		line = bytes.ReplaceAll(bytes.TrimRight(line, "\r"), []byte("\r"), []byte(" "))
		if top = top && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From ")); top {
			out = append(out, "X-Mailbox-Line: "...)
		}
		out = append(append(out, line...), "\r\n"...)
	}
	return out
}
