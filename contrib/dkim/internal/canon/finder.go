package canon

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// finder finds the places of a text whose relaxed form is another: a tab, and
// a space that another space, a tab, a CR or the text's end follows. What is
// near is found eight bytes at a time, for such places come together. The
// others are searched for by the fast means of package bytes, each pattern from
// where it was last found.
type finder struct {
	text  []byte
	tab   int // where each is next, if it is not behind
	twice int
	atEnd int
	begun bool
}

// nearby is how far to look before searching, which takes its time to begin.
const nearby = 64

// next returns the first such place from i on, or the text's end.
func (f *finder) next(i int) int {
	if n, ok := f.near(i); ok {
		return n
	}
	f.tab = f.search(f.tab, i, "\t")
	f.twice = f.search(f.twice, i, "  ")
	f.atEnd = f.search(f.atEnd, i, " \r")
	f.begun = true
	n := min(f.tab, f.twice, f.atEnd, len(f.text))
	if n > 0 && n > i && f.text[n-1] == ' ' {
		n-- // the space before a tab, or at the end of the text
	}
	return n
}

// near looks at the next bytes alone.
func (f *finder) near(i int) (place int, found bool) {
	for end := min(i+nearby, len(f.text)-8); i < end; i += 8 {
		word, after := binary.LittleEndian.Uint64(f.text[i:]), binary.LittleEndian.Uint64(f.text[i+1:])
		where := equal(word, '\t') | equal(word, ' ')&(equal(after, ' ')|equal(after, '\t')|equal(after, '\r'))
		if where != 0 {
			return i + bits.TrailingZeros64(where)/8, true
		}
	}
	return 0, false
}

func (f *finder) search(last, from int, what string) int {
	if f.begun && last >= from {
		return last
	}
	if i := bytes.Index(f.text[from:], []byte(what)); i >= 0 {
		return from + i
	}
	return len(f.text)
}

// Eight bytes of which each is 1, and each is 0x7f.
const (
	ones = 0x0101010101010101
	low7 = 0x7f * ones
)

// equal compares eight bytes with one: the highest bit of each byte tells.
func equal(word uint64, c byte) uint64 {
	word ^= ones * uint64(c)
	return ^((word&low7 + low7) | word) &^ low7
}
