package canon

import "bytes"

// finder finds the places of a text whose relaxed form is another: a tab, and
// a space that another space, a line's end or the text's end follows. Each of
// the patterns is searched for by the fast means of package bytes, and from
// where it was last found.
type finder struct {
	text  []byte
	tab   int // where each is next, if it is not behind
	twice int
	atEnd int
	begun bool
}

// next returns the first such place from i on, or the text's end.
func (f *finder) next(i int) int {
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

func (f *finder) search(last, from int, what string) int {
	if f.begun && last >= from {
		return last
	}
	if i := bytes.Index(f.text[from:], []byte(what)); i >= 0 {
		return from + i
	}
	return len(f.text)
}
