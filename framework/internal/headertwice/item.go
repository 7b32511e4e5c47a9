package headertwice

import "bytes"

// item is what a header has at a place.
type item int

const (
	unknown item = iota // the end of the item has not come
	isField             // a field, with the lines that continue it
	isEnd               // the line behind which the body begins
)

// firstItem returns what a text begins with, and its size in bytes. It divides the text as
// Stalwart does. The header ends with the first line that has no colon and ends with CRLF: an
// empty line, or a line that is no field. A line without a colon that ends with LF alone is a
// field without a value. An empty line may end with LF. last says that no more text comes.
func firstItem(text []byte, last bool) (what item, size int) {
	colon := false
	for {
		n := bytes.IndexByte(text[size:], '\n')
		if n < 0 {
			return lastItem(text, colon || bytes.IndexByte(text[size:], ':') >= 0, last)
		}
		line := text[size : size+n]
		colon = colon || bytes.IndexByte(line, ':') >= 0
		if !colon && (size+n == 0 || bytes.HasSuffix(line, []byte("\r"))) {
			return isEnd, size + n + 1
		}
		size += n + 1
		switch {
		case size == len(text) && !last:
			return unknown, 0
		case size == len(text), text[size] != ' ' && text[size] != '\t':
			return isField, size
		}
	}
}

// lastItem is firstItem for a text without a further line end.
func lastItem(text []byte, colon, last bool) (what item, size int) {
	switch {
	case !last || len(text) == 0:
		return unknown, 0
	case colon:
		return isField, len(text)
	}
	return isEnd, len(text)
}
