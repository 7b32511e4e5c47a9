package message

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// SyntaxError says where a header field or an address departs from the grammar.
type SyntaxError struct {
	Offset   int    // the byte of the value, counted from 0
	Expected string // what the grammar wants there, such as "a domain"
}

// Error names the place and what was expected.
func (e *SyntaxError) Error() string {
	return "byte " + strconv.Itoa(e.Offset) + ": expected " + e.Expected
}

// parser reads the lexical tokens of RFC 5322, current and obsolete, from the value of
// a field. It never goes back, and counts nested comments instead of recursing, so
// that its cost is linear in the length of the value.
type parser struct {
	s   string
	i   int
	err *SyntaxError // the first error
}

// newParser returns a parser of a value that contains UTF-8 (RFC 6532 section 3.1)
// without NUL.
func newParser(value string) *parser {
	p := &parser{s: value}
	if at := strings.IndexByte(value, 0); at >= 0 {
		p.failAt(at, "no NUL")
	}
	if at := invalidUTF8(value); at >= 0 {
		p.failAt(at, "text in UTF-8")
	}
	return p
}

// invalidUTF8 returns the place of the first byte that is not UTF-8, or -1.
func invalidUTF8(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if _, size := utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && size == 1 {
			return i
		}
	}
	return -1
}

func (p *parser) failAt(at int, expected string) bool {
	if p.err == nil {
		p.err = &SyntaxError{at, expected}
	}
	return false
}

func (p *parser) fail(expected string) bool { return p.failAt(p.i, expected) }

// result returns the first error. The value must have been read to its end.
func (p *parser) result(expected string) error {
	if p.err == nil && p.i < len(p.s) {
		p.fail(expected)
	}
	if p.err != nil {
		return p.err
	}
	return nil
}

// peek returns the next byte, or 0 at the end and after an error.
func (p *parser) peek() byte {
	if p.err != nil || p.i >= len(p.s) {
		return 0
	}
	return p.s[p.i]
}

// take skips the next byte if it is c.
func (p *parser) take(c byte) bool {
	if p.peek() != c || c == 0 {
		return false
	}
	p.i++
	return true
}

// need skips the next byte, which must be c.
func (p *parser) need(c byte, expected string) bool {
	return p.take(c) || p.fail(expected)
}

// fws skips white space and folds (FWS and obs-FWS).
func (p *parser) fws() {
	for {
		switch c := p.peek(); {
		case isWSP(c):
			p.i++
		case c != '\r' && c != '\n':
			return
		default:
			end := p.i + 1
			if c == '\r' {
				if !strings.HasPrefix(p.s[end:], "\n") {
					p.fail("LF after CR")
					return
				}
				end++
			}
			if end >= len(p.s) || !isWSP(p.s[end]) {
				p.fail("a space or a tab after a line break")
				return
			}
			p.i = end + 1
		}
	}
}

// cfws skips white space and comments. It reports whether there were any.
func (p *parser) cfws() bool {
	from, opened, depth := p.i, p.i, 0
	for {
		p.fws()
		switch c := p.peek(); {
		case c == '(':
			if depth == 0 {
				opened = p.i
			}
			depth++
			p.i++
		case depth == 0:
			return p.i > from
		case c == ')':
			depth--
			p.i++
		case c == '\\':
			p.pair()
		case c == 0:
			return p.failAt(opened, "a comment that ends")
		default:
			p.i++
		}
	}
}

// pair reads a backslash and the character that it quotes, and returns this.
func (p *parser) pair() string {
	if p.i+1 >= len(p.s) || p.s[p.i+1] == '\r' || p.s[p.i+1] == '\n' {
		p.failAt(p.i+1, "a character after the backslash")
		return ""
	}
	_, size := utf8.DecodeRuneInString(p.s[p.i+1:])
	p.i += 1 + size
	return p.s[p.i-size : p.i]
}

// atom reads an atom without the white space around it. It is empty if there is none.
func (p *parser) atom() string {
	from := p.i
	for isAtext(p.peek()) {
		p.i++
	}
	return p.s[from:p.i]
}

// quoted reads a quoted string, whose first quote is next, and adds its text to b.
func (p *parser) quoted(b *strings.Builder) {
	from := p.i
	p.i++
	for {
		switch c := p.peek(); c {
		case '"':
			p.i++
			return
		case '\\':
			b.WriteString(p.pair())
		case '\r', '\n':
			p.fold(b)
		case 0:
			p.failAt(from, "a quoted string that ends")
			return
		default:
			b.WriteByte(c)
			p.i++
		}
	}
}

// fold reads a fold in a quoted string, and adds its white space to b.
func (p *parser) fold(b *strings.Builder) {
	from := p.i
	p.fws()
	for _, c := range []byte(p.s[from:p.i]) {
		if isWSP(c) {
			b.WriteByte(c)
		}
	}
}

// domain reads a domain or a domain literal, with white space and comments in and
// around it, and returns it without these.
func (p *parser) domain() Domain {
	p.cfws()
	if p.peek() == '[' {
		return p.literal()
	}
	first := p.atom()
	if first == "" {
		p.fail("a domain")
		return ""
	}
	var b strings.Builder
	b.WriteString(first)
	for p.cfws(); p.take('.'); p.cfws() {
		p.cfws()
		label := p.atom()
		if label == "" {
			p.fail("a label of the domain after the dot")
			return ""
		}
		b.WriteByte('.')
		b.WriteString(label)
	}
	return Domain(b.String())
}

// literal reads a domain literal, whose bracket is next. Quoted pairs stay as they
// are, so that a bracket in it does not end it.
func (p *parser) literal() Domain {
	from := p.i
	var b strings.Builder
	p.i++
	b.WriteByte('[')
	for {
		p.fws()
		switch c := p.peek(); c {
		case ']':
			p.i++
			p.cfws()
			b.WriteByte(']')
			return Domain(b.String())
		case '\\':
			b.WriteByte('\\')
			b.WriteString(p.pair())
		case '[':
			p.fail("a ] before another [")
			return ""
		case 0:
			p.failAt(from, "a domain literal that ends")
			return ""
		default:
			b.WriteByte(c)
			p.i++
		}
	}
}

func isWSP(c byte) bool { return c == ' ' || c == '\t' }

// isAtext reports whether an atom may contain the byte (RFC 5322 section 3.2.3, and
// RFC 6532 section 3.2 for a part of a character in UTF-8).
func isAtext(c byte) bool {
	return isAlpha(c) || isDigit(c) || c >= utf8.RuneSelf || c != 0 && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
