package edit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/message/parts"
)

// The names of the fields of MIME.
const (
	contentPrefix      = "Content-"
	contentType        = "Content-Type"
	contentDisposition = "Content-Disposition"
	transferEncoding   = "Content-Transfer-Encoding"
	mimeVersion        = "MIME-Version"
)

// isContentField reports whether a field of a header describes the content.
func isContentField(name string) bool {
	return len(name) > len(contentPrefix) && ascii.EqualFold(name[:len(contentPrefix)], contentPrefix)
}

// checkFields returns an error if fields cannot be written in the header of a part, of
// which p is the old one, if any.
func checkFields(fields []parts.Field, p *parts.Part) error {
	for _, f := range fields {
		structural := ascii.EqualFold(f.Name, contentType) || ascii.EqualFold(f.Name, transferEncoding)
		switch {
		case message.CheckFieldName(f.Name) != nil || strings.HasPrefix(f.Name, "--"):
			return fmt.Errorf("%w: %.80q is no name of a field", ErrFields, f.Name)
		case hasControl(message.Unfold(f.Value)):
			return fmt.Errorf("%w: %s has a control character", ErrFields, f.Name)
		case p != nil && structural && (p.IsMultipart() || p.IsMessage()):
			return fmt.Errorf("%w: %s of a multipart or message is not to be changed; replace the part", ErrFields, f.Name)
		}
	}
	return nil
}

func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// appendField appends a field in lines.
func appendField(dst []byte, f parts.Field, eol string) []byte {
	dst = append(append(dst, f.Name...), ": "...)
	value := message.Fold(f.Name, f.Value)
	if eol != "\n" {
		value = strings.ReplaceAll(value, "\n", eol)
	}
	return append(append(dst, value...), eol...)
}

// rewrite returns a header with changes. It ends with an empty line, or at the end of
// the message.
func rewrite(header []byte, changes []parts.Field, eol string) []byte {
	out := make([]byte, 0, len(header)+256)
	written := make([]bool, len(changes))
	for len(header) > 0 && len(trimLine(header[:lineEnd(header)])) > 0 {
		n := fieldEnd(header)
		field := header[:n]
		header = header[n:]
		name, _, _ := bytes.Cut(field, []byte(":"))
		name = bytes.TrimRight(name, " \t")
		i := slices.IndexFunc(changes, func(f parts.Field) bool { return ascii.EqualFold(name, f.Name) })
		if i < 0 {
			out = append(out, field...)
			continue
		}
		if !written[i] && changes[i].Value != "" {
			out = appendField(out, changes[i], eol)
		}
		written[i] = true
	}
	if n := len(out); n > 0 && out[n-1] != '\n' && len(changes) > 0 {
		out = append(out, eol...)
	}
	for i, f := range changes {
		if !written[i] && f.Value != "" {
			out = appendField(out, f, eol)
		}
	}
	return append(out, header...)
}

// fieldEnd returns the length of the first field of a header.
func fieldEnd(header []byte) int {
	n := lineEnd(header)
	for n < len(header) && (header[n] == ' ' || header[n] == '\t') {
		n += lineEnd(header[n:])
	}
	return n
}

// lineEnd returns where the first line of text ends, with its line end.
func lineEnd(text []byte) int {
	if n := bytes.IndexByte(text, '\n'); n >= 0 {
		return n + 1
	}
	return len(text)
}

func trimLine(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}
