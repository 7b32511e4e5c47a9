package banner

// escape begins the sequences that change the character set in ISO-2022-JP.
const escape = '\x1b'

// shift follows ISO-2022-JP (RFC 1468), in which a byte of ASCII is ASCII or a part of another
// character, as the escape sequence before it says. The zero value is for other charsets.
type shift struct {
	on       bool
	sequence []byte // an escape sequence that is not complete
	other    bool   // the bytes are not ASCII
}

// next takes a byte, and returns the one to show to a [place], if any: another for one that
// is not ASCII, and only the first of an escape sequence.
func (s *shift) next(c byte) (shown byte, ok bool) {
	switch {
	case !s.on:
		return c, true
	case c == escape:
		s.sequence = append(s.sequence[:0], c)
		return c, true
	case len(s.sequence) > 0:
		s.sequence = append(s.sequence, c)
		s.end(c)
		return 0, false
	case s.other:
		return 0xff, true
	}
	return c, true
}

// end looks whether a byte ends an escape sequence.
func (s *shift) end(c byte) {
	n := len(s.sequence)
	if n == 2 && (c == '(' || c == '$') || n == 3 && s.sequence[1] == '$' && c == '(' {
		return
	}
	if s.sequence[1] == '(' || s.sequence[1] == '$' {
		s.other = s.sequence[1] == '$' || c != 'B' && c != 'J' // J is ASCII but for two characters
	}
	s.sequence = s.sequence[:0]
}

// close returns what begins ASCII at the end of a text.
func (s *shift) close() string {
	if s.other {
		return "\x1b(B"
	}
	return ""
}
