package banner

// mark is what a byte of a text says about the place of the banner.
type mark int

const (
	// begins: the place may be before this byte. It replaces an earlier one that is
	// not found yet.
	begins mark = 1 << iota
	// isFound: the place that may be is one.
	isFound
	// lost: the place that may be is none.
	lost
)

// place finds the place of the banner in a text. It is shown the text byte by byte,
// decoded, in the charset of the part.
type place interface {
	next(c byte) mark
	// close returns what has to be before a banner at the end of the text, so that
	// readers show the banner.
	close() string
}

// topOfText is the place before the first byte.
type topOfText struct{}

func (topOfText) next(byte) mark { return begins | isFound }
func (topOfText) close() string  { return "" }

// signature is the separator between a text and the sender's signature (RFC 3676
// section 4.3), in a line of its own.
const signature = "-- "

// bottomOfText is the place before the sender's signature.
type bottomOfText struct {
	matched int  // bytes of the separator
	other   bool // the line is another one
}

func (b *bottomOfText) next(c byte) mark {
	switch {
	case c == '\n':
		whole := b.matched == len(signature) && !b.other
		b.matched, b.other = 0, false
		if whole {
			return isFound
		}
		return lost
	case b.other:
		return 0
	case b.matched < len(signature) && c == signature[b.matched]:
		if b.matched++; b.matched == 1 {
			return begins
		}
		return 0
	case c == '\r' && b.matched == len(signature):
		return 0
	}
	b.other = true
	return lost
}

func (*bottomOfText) close() string { return "" }
