package banner

import "unicode/utf8"

// tail is what is known of the text of a part so far.
type tail struct {
	any    bool // there is text
	last   byte
	bareLF bool // the last line ends with LF, without CR
	utf8   utf8Check
}

func (t *tail) next(c byte) {
	if c == '\n' {
		t.bareLF = t.last != '\r'
	}
	t.any, t.last = true, c
	t.utf8.next(c)
}

// utf8Check checks that a text that it is shown byte by byte is valid UTF-8.
type utf8Check struct {
	buf     [utf8.UTFMax]byte
	n       int
	invalid bool
}

func (u *utf8Check) next(c byte) {
	if u.n == 0 && c < utf8.RuneSelf || u.invalid {
		return
	}
	u.buf[u.n] = c
	u.n++
	if utf8.FullRune(u.buf[:u.n]) {
		u.invalid = !utf8.Valid(u.buf[:u.n])
		u.n = 0
	}
}

// valid reports whether the whole text was valid.
func (u *utf8Check) valid() bool { return !u.invalid && u.n == 0 }

// between returns the banner in lines of its own, for a spot before more text.
func (i *inserter) between() string {
	lines := "\n" + string(i.banner.content) + "\n"
	switch {
	case i.banner.html:
		return lines
	case i.top:
		return lines[1:] + "\n"
	}
	return lines + "\n"
}

// atEnd returns the banner in lines of its own, for the end of the text. If the text ends
// with a line end, so does the banner.
func (i *inserter) atEnd() string {
	lines := i.place.close() + string(i.banner.content)
	if i.form.endsLine(i) {
		lines += "\n"
	}
	switch {
	case !i.text.any:
	case i.text.last == '\n' || i.banner.html:
		lines = "\n" + lines
	default:
		lines = "\n\n" + lines
	}
	return i.shift.close() + lines
}
