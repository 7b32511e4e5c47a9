package parts

import "cmp"

// Limits bounds what a walker takes of a message. 0 means the default. What is beyond
// a limit is not told, and a flaw says so.
type Limits struct {
	// Depth is the number of multiparts and messages that may be nested, the
	// outermost included: 32 by default. What is nested deeper is a leaf with
	// the flaw [TooDeep].
	Depth int
	// Parts is the number of parts in a message, uuencoded files included: 1,000
	// by default. The parts after it are skipped, and the multipart has the flaw
	// [TooManyParts].
	Parts int
	// Header is the size in bytes of a part's header: 65,536 by default. The
	// fields after it are skipped, and the part has the flaw [HeaderTooLong].
	Header int
	// Boundary is the length in bytes of a boundary: 256 by default. RFC 2046
	// section 5.1.1 allows 70. A multipart with a longer one is a leaf with the
	// flaw [BoundaryTooLong].
	Boundary int
}

func (l Limits) orDefaults() Limits {
	return Limits{
		Depth:    cmp.Or(l.Depth, 32),
		Parts:    cmp.Or(l.Parts, 1000),
		Header:   cmp.Or(l.Header, 64<<10),
		Boundary: cmp.Or(l.Boundary, 256),
	}
}

// line returns the length of the longest line that can be a delimiter: a boundary with
// its hyphens and with some white space behind it.
func (l Limits) line() int { return l.Boundary + 1024 }

// maxNames is the number of names that are told of a part. No mail program gives more
// than three.
const maxNames = 64
