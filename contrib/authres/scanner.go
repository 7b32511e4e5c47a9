package authres

import "strings"

// scanner reads the parts of a field from left to right. It never goes back, so that a field
// of any length takes linear time.
type scanner struct {
	text string
	at   int
}

// blank is white space in a header field.
const blank = " \t\r\n"

// end reports whether everything was read.
func (s *scanner) end() bool { return s.at >= len(s.text) }

// peek returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	if s.end() {
		return 0
	}
	return s.text[s.at]
}

// take reads the next byte if it is c.
func (s *scanner) take(c byte) bool {
	if s.end() || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

// skip reads white space and comments, which may be nested (CFWS of RFC 5322 section
// 3.2.2). It returns false if a comment does not end.
func (s *scanner) skip() bool {
	depth := 0
	for ; !s.end(); s.at++ {
		switch c := s.text[s.at]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == '\\' && depth > 0:
			s.at++
		case depth == 0 && strings.IndexByte(blank, c) < 0:
			return true
		}
	}
	s.at = len(s.text)
	return depth == 0
}

// run reads the longest run of bytes of which none is in stop.
func (s *scanner) run(stop string) string {
	rest := s.text[s.at:]
	if n := strings.IndexAny(rest, stop); n >= 0 {
		rest = rest[:n]
	}
	s.at += len(rest)
	return rest
}

// digits reads decimal digits.
func (s *scanner) digits() string {
	from := s.at
	for !s.end() && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.text[from:s.at]
}

// quoted reads a quoted string and returns its content. Line ends within it are folds and
// do not belong to it. ok is false if it does not end.
func (s *scanner) quoted() (content string, ok bool) {
	var b strings.Builder
	for s.at++; !s.end(); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return b.String(), true
		case c == '\\' && s.at+1 < len(s.text):
			s.at++
			b.WriteByte(s.text[s.at])
		case c != '\r' && c != '\n':
			b.WriteByte(c)
		}
	}
	return b.String(), false
}

// value reads what follows an equals sign: words and quoted strings without white space or
// comments between them. If it is one quoted string, value returns its content. Otherwise
// value returns the text as it is, such as the address "a b"@example.org.
func (s *scanner) value() (text string, ok bool) {
	from, content, pieces := s.at, "", 0
	ok = true
	for !s.end() {
		switch s.peek() {
		case '"':
			content, ok = s.quoted()
		case ' ', '\t', '\r', '\n', ';', '(':
			return s.joined(from, content, pieces), ok
		default:
			content = s.run(blank + `;("`)
		}
		if pieces++; !ok {
			break
		}
	}
	return s.joined(from, content, pieces), ok
}

// joined returns the value that was read from the given place on.
func (s *scanner) joined(from int, content string, pieces int) string {
	if pieces == 1 {
		return content
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(s.text[from:s.at])
}
