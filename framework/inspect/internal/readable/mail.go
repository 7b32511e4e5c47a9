package readable

import (
	"strings"
	"unicode/utf8"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

// Mail is a message for people.
type Mail struct {
	// Header is the header as the MTA sent it to the filters. HeaderCut reports whether it has
	// more fields.
	Header    []Field `json:"header"`
	HeaderCut bool    `json:"header_cut,omitempty"`
	// Part is the message with its parts, or nil if there is no body.
	Part *Part `json:"part,omitempty"`
	// Missing says what is not in the record, and why, or is "".
	Missing string `json:"missing,omitempty"`
}

// Field is a header field in one line, with its encoded words decoded. Problem says what is wrong
// with them.
type Field struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Problem string `json:"problem,omitempty"`
}

// Part is a part of a message.
type Part struct {
	// Path is its place: "" for the message, "1.2" for the second part of its first part.
	Path        string `json:"path"`
	Type        string `json:"type"`
	Disposition string `json:"disposition,omitempty"`
	Charset     string `json:"charset,omitempty"`
	Encoding    string `json:"encoding,omitempty"`
	// Names are the file names that a mail program may show, the usual one first, and Uuencoded
	// those of files in a text.
	Names     []string `json:"names,omitempty"`
	Uuencoded []string `json:"uuencoded,omitempty"`
	// Size is the size of the content in bytes: decoded if it is not that of a multipart or message.
	Size int64 `json:"size"`
	// Header is that of a message in a message. HeaderCut reports whether it has more fields.
	Header    []Field `json:"header,omitempty"`
	HeaderCut bool    `json:"header_cut,omitempty"`
	// Text is the content of a text that is no attachment, with LF as line ends. TextCut reports
	// whether there is more.
	Text    string `json:"text,omitempty"`
	TextCut bool   `json:"text_cut,omitempty"`
	// Problems are what is wrong with the part, in words.
	Problems []string `json:"problems,omitempty"`
	Parts    []*Part  `json:"parts,omitempty"`
}

// The limits of a Mail.
const (
	maxDepth = 16
	maxParts = 200
	maxNames = 8    // of a part
	maxWord  = 1000 // bytes of a name, or of a word of a header
	// maxText limits the bytes of texts, names and headers of the whole message. A field counts
	// as fieldSize bytes more than it has, because memory and JSON have about as many for each.
	maxText   = 1 << 20
	fieldSize = 48
)

// Of returns a recorded message for people.
func Of(m *record.Message) *Mail {
	out := &Mail{Missing: missing(m), Header: []Field{}}
	b := builder{room: maxText}
	if m.Content != record.ContentNone {
		for _, f := range m.Header {
			if out.HeaderCut = !b.field(&out.Header, f.Name, f.Value); out.HeaderCut {
				break
			}
		}
	}
	if len(m.Body) > 0 {
		out.Part = b.build(m)
	}
	return out
}

// missing says what a record does not have.
func missing(m *record.Message) string {
	switch {
	case m.Content == record.ContentNone:
		return "the header and the body were not recorded"
	case m.BodySize == 0:
		return "the filters saw no body"
	case m.Content == record.ContentHeader:
		return "the body was not recorded"
	case len(m.Body) == 0:
		return "the body was not kept: the record exceeded its limit"
	case isCut(m):
		return "a part of the content may be missing: the record exceeded its limit"
	}
	return ""
}

func valid(text string) string { return strings.ToValidUTF8(text, "\ufffd") }

// cut returns a text, or its beginning and "…".
func cut(text string, most int) string {
	text = valid(text)
	if len(text) <= most {
		return text
	}
	return beginning(text, most) + "…"
}

// isCut reports whether a record may lack a part of the body.
func isCut(m *record.Message) bool { return m.Cut || int64(len(m.Body)) < m.BodySize }

// wholeRunes returns content that was cut without the beginning of a rune at its end: without a
// known charset, UTF-8 with such an end would be read as Latin-1.
func wholeRunes(content []byte) []byte {
	for n := 1; n < min(utf8.UTFMax, len(content)+1); n++ {
		end := content[len(content)-n:]
		if utf8.RuneStart(end[0]) {
			if !utf8.FullRune(end) {
				return content[:len(content)-n]
			}
			break
		}
	}
	return content
}

// beginning returns as many whole characters as fit.
func beginning(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
