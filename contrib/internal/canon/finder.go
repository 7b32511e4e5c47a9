package canon

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// finder finds the white space of a text that the relaxed form changes: a tab,
// and a space that is followed by another space, a tab, a CR or the end of the
// text. Such places often come close together, so finder first checks the next
// bytes, eight at a time. It then searches for the patterns with package bytes,
// which is faster over long distances. It remembers the last position of each
// pattern.
type finder struct {
	text  []byte
	tab   int // the next position of each pattern, or an outdated earlier one
	twice int
	atEnd int
	begun bool // the positions are valid
}

// nearby is the number of bytes to check before searching, because starting a
// search is slow.
const nearby = 64

// next returns the position of the first white space at or after i that the
// relaxed form changes, or the end of the text.
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
		n-- // include the space before a tab or at the end of the text
	}
	return n
}

// near checks only the next bytes.
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

// Words of eight equal bytes: all 0x01, and all 0x7f.
const (
	ones = 0x0101010101010101
	low7 = 0x7f * ones
)

// equal compares each byte of a word with c. In the result, the highest bit of
// a byte is set if the byte equals c. All other bits are 0.
func equal(word uint64, c byte) uint64 {
	word ^= ones * uint64(c)
	return ^((word&low7 + low7) | word) &^ low7
}
