package parts

import (
	"strconv"
	"strings"
)

// Part is a part of a message: the message itself, a part of a multipart, or the
// message in a part of a message type. The walker changes it until [Handler.End] was
// called for it. It may be kept, but for the first part of a message, which the next
// [Walker.Start] overwrites.
type Part struct {
	// Parent is the part that contains this one. It is nil for the message.
	Parent *Part
	// Number counts the parts of Parent, from 1. It is 0 for the message.
	Number int

	// Type is the media type in lower case, such as "text/plain". Without a
	// Content-Type it is the one that RFC 2045 section 5.2 and RFC 2046 section
	// 5.1.5 give.
	Type string
	// Params are the parameters of the Content-Type in their order, with the
	// forms of RFC 2231 decoded. A parameter that is given twice is there twice.
	Params []Param
	// Disposition is the disposition type in lower case, such as "attachment".
	// It is empty without a Content-Disposition.
	Disposition string
	// Encoding is the Content-Transfer-Encoding in lower case. It is empty
	// without one.
	Encoding string
	// Names are all file names that some reader may show, without duplicates,
	// decoded. The name that a reader shows that keeps to the standards is
	// first. The names come from the parameters filename and name of
	// Content-Disposition and Content-Type, by RFC 2231 and RFC 2047, and from
	// the sloppy forms of both. A name contains neither CR, LF nor NUL. It may
	// contain slashes and other control characters.
	Names []string
	// Uuencoded are the names of the uuencoded files in the content of a text.
	// They are complete when the part ends.
	Uuencoded []string
	// Fields is the header of the part, in its order. For the message it
	// contains only the fields that matter here.
	Fields []Field
	// Flaws are complete when the part ends.
	Flaws Flaws

	// The next six are offsets into the body. What is between Content and End is
	// the content; its size in bytes, as it is encoded, is Size. If all bytes
	// from Delimiter to Next are taken out, the part is gone and all others stay
	// as they are. (If nothing follows, the line break before it is left to the
	// part before it. Package edit writes a closing delimiter then.) End and Next
	// are set when the part ends.

	// Delimiter is where the line with the delimiter before the part begins. For
	// a part without one it is Header.
	Delimiter int64
	// Header is where the header begins. For the message it is 0.
	Header int64
	// Content is where the content begins.
	Content int64
	// End is where the content ends. The line break before a delimiter belongs
	// to the delimiter.
	End int64
	// Next is where the line with the delimiter after the part begins. For a part
	// without one it is End.
	Next int64
	// Closing is where the line with the first closing delimiter of a multipart
	// begins. Without one it is Next. It is set when [Handler.Closing] is called.
	Closing int64

	looksDivided bool // a line before the first delimiter looks like one
}

// Param is a parameter of a Content-Type.
type Param struct {
	Name  string // in lower case
	Value string
}

// Field is a field of a header.
type Field struct {
	Name  string
	Value string // in one line, otherwise as it is in the message
}

// Path returns the place of the part: "" for the message, "1.2" for the second part of
// its first part. The message in a message/rfc822 part is its part 1. (IMAP leaves
// that number out if the message is a multipart.)
func (p *Part) Path() string {
	if p.Parent == nil {
		return ""
	}
	number := strconv.Itoa(p.Number)
	if above := p.Parent.Path(); above != "" {
		return above + "." + number
	}
	return number
}

// Size returns the size of the content in bytes, as it is encoded. It is 0 before the
// part has ended.
func (p *Part) Size() int64 { return max(p.End-p.Content, 0) }

// Param returns the value of the first parameter of the Content-Type with the name,
// which must be in lower case, or "".
func (p *Part) Param(name string) string {
	for _, param := range p.Params {
		if param.Name == name {
			return param.Value
		}
	}
	return ""
}

// Boundary returns the parameter boundary without white space at its end, which is none of
// it (RFC 2046 section 5.1.1), or "".
func (p *Part) Boundary() string { return strings.TrimRight(p.Param("boundary"), " \t") }

// Delimiters returns the delimiters, with their hyphens, of the part if it is a multipart
// and of the multiparts around it, from the inside out. A line of content that begins with
// one of them divides the message. A nil part has none.
func (p *Part) Delimiters() (list []string) {
	for ; p != nil; p = p.Parent {
		if p.IsMultipart() {
			list = append(list, "--"+p.Boundary())
		}
	}
	return list
}

// IsMultipart reports whether the type is a multipart.
func (p *Part) IsMultipart() bool { return strings.HasPrefix(p.Type, "multipart/") }

// IsMessage reports whether the content is a message with a header.
func (p *Part) IsMessage() bool {
	switch p.Type {
	case "message/rfc822", "message/global", "message/news", "message/external-body":
		return true
	}
	return false
}

// digest is the type of a multipart whose parts are messages by default.
const digest = "multipart/digest"

// defaultType returns the type of the part if it has no Content-Type.
func (p *Part) defaultType() string {
	if p.Parent != nil && p.Parent.Type == digest {
		return "message/rfc822"
	}
	return plain
}

// isOpened reports whether the walker enters the message in the part. In
// quoted-printable its lines are often as they are.
func (p *Part) isOpened() bool {
	return p.IsMessage() && p.Flaws&TooDeep == 0 && (!p.isEncoded() || p.Encoding == "quoted-printable")
}

// isEncoded reports whether the content is in an encoding that hides its lines.
func (p *Part) isEncoded() bool {
	switch p.Encoding {
	case "", "7bit", "8bit", "binary":
		return false
	}
	return true
}

// mayHoldUuencoded reports whether readers look for uuencoded files in the content.
func (p *Part) mayHoldUuencoded() bool {
	return strings.HasPrefix(p.Type, "text/") && p.Encoding != "base64"
}
