package edit

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/message/internal/lex"
	"github.com/sluicemail/sluice/framework/message/parts"
)

// Part is a part to be written. It may be written to any number of messages, unless it
// has a Reader.
type Part struct {
	// Type is the media type with its parameters, such as "text/html;
	// charset=utf-8", which is to be given in ASCII. It is "text/plain;
	// charset=utf-8" by default. A multipart cannot be written.
	Type string
	// Name is the file name, without one if it is empty. It is written by RFC 2231,
	// and, if that encodes it, in ASCII besides, for readers that do not know
	// RFC 2231. It has 255 bytes at most.
	Name string
	// Disposition is the disposition type: "inline" or "attachment". By default it
	// is "attachment" for a part with a name, and not written otherwise.
	Disposition string
	// Fields are further fields, such as Content-ID. They are folded.
	Fields []parts.Field

	// Text is the content, decoded. Of a text, lines may end with LF or CRLF.
	// Content in short lines of ASCII is written as it is, other text in
	// quoted-printable, anything else in base64. A message/rfc822, which must not
	// be encoded, is written as it is.
	Text string
	// Reader is content of any size, in place of Text. It is read when the part is
	// written, and encoded in any case.
	Reader io.Reader
}

// maxName is the length in bytes of the longest file name. File systems allow no more.
const maxName = 255

// defaultType is the type of a part that has none.
const defaultType = "text/plain; charset=utf-8"

func (n *Part) check() error {
	if n == nil {
		return nil
	}
	kind := n.kind()
	main, sub, ok := strings.Cut(kind, "/")
	switch {
	case !ok || main == "" || sub == "" || strings.ContainsAny(kind, " \t") || hasControl(n.Type) || !lex.IsASCII(n.Type):
		return fmt.Errorf("%w: type %.80q", ErrPart, n.Type)
	case main == "multipart":
		return fmt.Errorf("%w: it is a multipart", ErrPart)
	case len(n.Name) > maxName || hasControl(n.Name) || !utf8.ValidString(n.Name):
		return fmt.Errorf("%w: name %.80q", ErrPart, n.Name)
	case strings.ContainsAny(n.Disposition, " \t\r\n\"();=") || !lex.IsASCII(n.Disposition):
		return fmt.Errorf("%w: disposition %.80q", ErrPart, n.Disposition)
	}
	for _, f := range n.Fields {
		if ascii.EqualFold(f.Name, contentType) || ascii.EqualFold(f.Name, transferEncoding) || ascii.EqualFold(f.Name, contentDisposition) {
			return fmt.Errorf("%w: %s follows from the other settings of a part", ErrFields, f.Name)
		}
	}
	return checkFields(n.Fields, nil)
}

// kind returns the media type in lower case.
func (n *Part) kind() string {
	kind, _, _ := strings.Cut(n.mediaType(), ";")
	return ascii.ToLower(strings.Trim(kind, " \t"))
}

func (n *Part) mediaType() string {
	if n.Type == "" {
		return defaultType
	}
	return n.Type
}

func (n *Part) isText() bool    { return strings.HasPrefix(n.kind(), "text/") }
func (n *Part) isMessage() bool { return strings.HasPrefix(n.kind(), "message/") }

// fields returns the header of the part, which comes between delimiters.
func (n *Part) fields(delimiters []string) []parts.Field {
	list := []parts.Field{{Name: contentType, Value: n.mediaType()}}
	if e := n.encoding(delimiters); e != sevenBit {
		list = append(list, parts.Field{Name: transferEncoding, Value: e})
	}
	disposition := n.Disposition
	if disposition == "" && n.Name != "" {
		disposition = "attachment"
	}
	if disposition != "" {
		list = append(list, parts.Field{Name: contentDisposition, Value: disposition + nameParams(n.Name)})
	}
	for _, f := range n.Fields {
		list = append(list, parts.Field{Name: f.Name, Value: message.Unfold(f.Value)})
	}
	return list
}

// nameParams returns the parameters that give a file name.
func nameParams(name string) string {
	if name == "" {
		return ""
	}
	fallback := strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	params := `; filename="` + fallback + `"`
	if fallback != name || strings.Contains(name, "=?") || strings.Contains(name, "  ") { // a fold may change these
		params += "; filename*=utf-8''" + percent(name)
	}
	return params
}

// percent returns a text in the encoding of RFC 2231.
func percent(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' || c == '.' || c == '_' {
			_ = b.WriteByte(c)
			continue
		}
		_, _ = fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// open returns the content of the part as it is written between delimiters.
func (n *Part) open(delimiters []string, eol string) io.Reader {
	source := n.Reader
	if source == nil {
		source = strings.NewReader(n.Text)
	}
	switch e := n.encoding(delimiters); {
	case e == sevenBit || e == eightBit:
		return &clashes{source: newLines(source, eol), delimiters: delimiters, atStart: true}
	case e == base64Name && n.isText():
		return newEncoder(newLines(source, "\r\n"), e, eol)
	default:
		return newEncoder(source, e, eol)
	}
}

// encoding returns the Content-Transfer-Encoding of the part.
func (n *Part) encoding(delimiters []string) string {
	switch {
	case n.isMessage() && n.Reader == nil && isShort(n.Text, nil):
		return sevenBit
	case n.isMessage():
		return eightBit
	case !n.isText():
		return base64Name
	case n.Reader == nil && isShort(n.Text, delimiters):
		return sevenBit
	case n.Reader == nil && isForeign(n.Text):
		return base64Name
	}
	return quotedName
}

// maxLine is the length in bytes of the longest line of mail (RFC 5322 section 2.1.1).
const maxLine = 998

// isShort reports whether a text can be written as it is: it consists of ASCII in short
// lines, of which none is a delimiter.
func isShort(text string, delimiters []string) bool {
	if !lex.IsASCII(text) || strings.IndexByte(text, 0) >= 0 || strings.IndexByte(strings.ReplaceAll(text, "\r\n", ""), '\r') >= 0 {
		return false
	}
	for l := range strings.Lines(text) {
		if len(l) > maxLine {
			return false
		}
		for _, d := range delimiters {
			if strings.HasPrefix(l, d) {
				return false
			}
		}
	}
	return true
}

// isForeign reports whether base64 makes a text shorter than quoted-printable.
func isForeign(text string) bool {
	beyond := 0
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			beyond++
		}
	}
	return beyond > len(text)/6
}
