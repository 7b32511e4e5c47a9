package parts

import "strings"

// Flaws is a set of things that are wrong with a part.
type Flaws uint32

// Flaws that a reader may resolve otherwise than the walker. They are in [Unreadable].
const (
	// TooDeep: the part is a multipart or a message deeper than [Limits.Depth].
	TooDeep Flaws = 1 << iota
	// TooManyParts: the part contains more parts than [Limits.Parts] allows.
	TooManyParts
	// TooManyNames: the part has more than 64 file names.
	TooManyNames
	// HeaderTooLong: the header of the part is longer than [Limits.Header].
	HeaderTooLong
	// BoundaryTooLong: the boundary is longer than [Limits.Boundary].
	BoundaryTooLong
	// NoBoundary: the part is a multipart without a boundary.
	NoBoundary
	// AmbiguousBoundary: the boundary is given twice, or in a form that readers
	// take differently, such as with a space at its end or as RFC 2231 has it.
	AmbiguousBoundary
	// BoundaryClash: the boundary equals that of an outer multipart, or one of
	// the two begins with the other and readers may find other parts for that:
	// because there is text behind the closing delimiter of the longer, the rest
	// of the longer begins with two hyphens, or one of them is a digest. Mailers
	// write boundaries such as "=_b" and "=_b_alt", which are no flaw otherwise.
	BoundaryClash
	// LooseDelimiter: a line in the part begins with the boundary and goes on
	// with other text, or the boundary is behind a CR without LF.
	LooseDelimiter
	// NoParts: the part is a multipart without a delimiter, but has lines that
	// look like one.
	NoParts
	// PartsAfterEnd: there are parts after the closing delimiter.
	PartsAfterEnd
	// AmbiguousType: the Content-Type is given twice, or is invalid and yet
	// speaks of a multipart or a message.
	AmbiguousType
	// EncodedStructure: the part is a multipart or a message in base64,
	// quoted-printable or uuencode, which RFC 2045 section 6.4 forbids.
	EncodedStructure
	// BrokenHeader: the header of the part has a line that is no field, or that
	// consists of white space. The walker skips it. In the last line of a header
	// that was cut it is no flaw: see NoBlankLine.
	BrokenHeader
	// ControlInHeader: the header of the part contains a NUL, or a CR without LF, or
	// a field of MIME in it has another control character than the tab and the
	// escape, which text in ISO-2022-JP has. Some readers take it for white space.
	ControlInHeader
	// Partial: the part is a piece of a message that comes in several mails
	// (message/partial, RFC 2046 section 5.2.2).
	Partial
	// External: the content of the part is elsewhere (message/external-body,
	// RFC 2046 section 5.2.3).
	External
	// UnreadableName: a file name is in a charset that the walker does not know,
	// in encoded words that readers decode in different ways, or in more than the
	// walker decodes.
	UnreadableName
)

// Flaws that do not make a message unreadable: as far as is known, all mail readers treat
// a part with such a flaw in the same way.
const (
	// BadType: the Content-Type is invalid. The part is text/plain, as RFC 2045
	// section 5.2 demands.
	BadType Flaws = 1 << (iota + 24)
	// NoBlankLine: the header of the part ends without an empty line, at a
	// delimiter or the end of the body, as in bounces that contain the beginning
	// of a message. The part has no content, so that no reader finds a part in
	// it, whatever its type and its boundary are: flaws of these are not set.
	NoBlankLine
	// Unclosed: the multipart has no closing delimiter. Bounces often contain a
	// message that was cut.
	Unclosed
	// NoVersion: the message has a Content-Type and no MIME-Version. The walker
	// ignores that, as readers do.
	NoVersion
)

// Unreadable contains the flaws with which some reader may see other parts, or other
// names of parts, than the walker has told.
const Unreadable = UnreadableName<<1 - 1

var flawNames = [...]string{
	"too deep", "too many parts", "too many names", "header too long", "boundary too long",
	"no boundary", "ambiguous boundary", "boundary clash", "loose delimiter", "no parts",
	"parts after the end", "ambiguous type", "encoded structure", "broken header",
	"control in header", "partial", "external", "unreadable name",
	24: "bad type", 25: "no blank line", 26: "unclosed", 27: "no version",
}

// Unreadable reports whether one of the flaws is in [Unreadable].
func (f Flaws) Unreadable() bool { return f&Unreadable != 0 }

// String lists the flaws, as in "no boundary, unclosed". Without flaws it is empty.
func (f Flaws) String() string {
	var list []string
	for i, name := range flawNames {
		if f&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}
