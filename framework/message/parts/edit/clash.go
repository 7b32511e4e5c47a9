package edit

import (
	"bytes"
	"io"
	"slices"
)

// clashes reads content, and fails with ErrBoundary if a line begins with a delimiter:
// mail readers would find other parts. A CR alone ends a line, too, as it does for some
// mail readers.
type clashes struct {
	source     io.Reader
	delimiters []string
	alive      []string // those that the line begins with so far
	column     int      // the bytes of the line
	atStart    bool     // the line may be a delimiter
}

func (r *clashes) Read(p []byte) (int, error) {
	n, err := r.source.Read(p)
	if r.find(p[:n]) {
		return 0, ErrBoundary
	}
	return n, err
}

func (r *clashes) find(text []byte) bool {
	for len(text) > 0 {
		if !r.atStart {
			n := bytes.IndexAny(text, "\r\n")
			if n < 0 {
				return false
			}
			r.column, r.atStart, text = 0, true, text[n+1:]
			continue
		}
		c := text[0]
		text = text[1:]
		if c == '\r' || c == '\n' {
			r.column = 0
			continue
		}
		if r.match(c) {
			return true
		}
		r.atStart = len(r.alive) > 0
	}
	return false
}

// match looks at the next byte of a line, and reports whether the line is a delimiter. It
// looks at one byte of each delimiter, because a sender can write many long ones that differ
// at their ends.
func (r *clashes) match(c byte) bool {
	if r.column == 0 {
		r.alive = append(r.alive[:0], r.delimiters...)
	}
	r.alive = slices.DeleteFunc(r.alive, func(d string) bool { return d[r.column] != c })
	r.column++
	return slices.ContainsFunc(r.alive, func(d string) bool { return len(d) == r.column })
}
