package message

import (
	"net/netip"
	"strings"
	"unicode/utf8"
)

// ParsePath parses an address of the envelope, as MAIL and RCPT have it, with its angle
// brackets or without them. "<>" and "" are the null address. A source route is dropped
// (RFC 5321 appendix C).
//
// [Strict] takes the grammar of RFC 5321 section 4.1.2, with UTF-8 as RFC 6531 section
// 3.3 allows it. Only postmaster may have no domain. [Tolerant] takes what mail servers
// hand to a filter, because they take it from clients: every text without control
// characters that has a local part. What precedes the last @ is the local part, and what
// follows it is the domain. An @ within an address literal at the end does not count.
//
// An error is a *[SyntaxError].
func ParsePath(path string, mode Mode) (Address, error) {
	p := &pathParser{parser: parser{s: path}}
	a := p.path()
	err := p.result("the end of the address")
	if err == nil {
		return a, nil
	}
	if mode == Tolerant {
		return loosePath(path)
	}
	return Address{}, err
}

// pathParser reads the grammar of RFC 5321, which has neither comments nor white space.
type pathParser struct{ parser }

func (p *pathParser) path() Address {
	if p.s == "" {
		return Address{}
	}
	if at := invalidUTF8(p.s); at >= 0 {
		p.failAt(at, "text in UTF-8")
	}
	bracket := p.take('<')
	if bracket && p.take('>') {
		return Address{}
	}
	if p.peek() == '@' {
		p.route()
	}
	a := Address{Local: p.localPart()}
	switch {
	case p.take('@'):
		a.Domain = p.mailDomain()
	case !strings.EqualFold(a.Local, "postmaster"):
		p.fail("an @")
	}
	if bracket {
		p.need('>', "a > that ends the address")
	}
	return a
}

// route skips a source route.
func (p *pathParser) route() {
	for more := true; more; more = p.take(',') {
		p.need('@', "an @ in the route")
		p.mailDomain()
	}
	p.need(':', "a colon that ends the route")
}

func (p *pathParser) localPart() string {
	if p.peek() == '"' {
		return p.quotedLocal()
	}
	from := p.i
	for {
		if p.atom() == "" {
			p.fail("a local part")
			return ""
		}
		if !p.take('.') {
			return p.s[from:p.i]
		}
	}
}

func (p *pathParser) quotedLocal() string {
	var b strings.Builder
	from := p.i
	p.i++
	for {
		switch c := p.peek(); {
		case p.take('"'):
			return b.String()
		case p.i >= len(p.s):
			p.failAt(from, "a quoted string that ends")
			return ""
		case isControl(c):
			p.fail("no control character")
			return ""
		case c == '\\' && p.i+1 < len(p.s) && isControl(p.s[p.i+1]):
			p.failAt(p.i+1, "no control character")
			return ""
		case c == '\\':
			b.WriteString(p.pair())
		default:
			b.WriteByte(c)
			p.i++
		}
	}
}

func isControl(c byte) bool { return c < ' ' || c == 0x7f }

// mailDomain reads a domain or an address literal.
func (p *pathParser) mailDomain() Domain {
	from := p.i
	if p.peek() == '[' {
		end := strings.IndexByte(p.s[from:], ']')
		if end < 0 || !isAddressLiteral(p.s[from+1:from+end]) {
			p.fail("an address literal such as [192.0.2.1] or [IPv6:2001:db8::1]")
			return ""
		}
		p.i += end + 1
		return Domain(p.s[from:p.i])
	}
	for {
		at := p.i
		for c := p.peek(); isAlpha(c) || isDigit(c) || c == '-' || c >= utf8.RuneSelf; c = p.peek() {
			p.i++
		}
		if label := p.s[at:p.i]; label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			p.failAt(at, "a domain")
			return ""
		}
		if !p.take('.') {
			return Domain(p.s[from:p.i])
		}
	}
}

// isAddressLiteral reports whether a text is an IPv4 address, or an IPv6 address with its
// tag (RFC 5321 section 4.1.3). No other tag is registered.
func isAddressLiteral(text string) bool {
	tag, rest, tagged := strings.Cut(text, ":")
	if !tagged {
		addr, err := netip.ParseAddr(text)
		return err == nil && addr.Is4()
	}
	addr, err := netip.ParseAddr(rest)
	return err == nil && strings.EqualFold(tag, "IPv6") && addr.Is6() && addr.Zone() == ""
}

// loosePath returns the address that a path of any form means.
func loosePath(path string) (Address, error) {
	for i := range len(path) {
		if c := path[i]; isControl(c) && c != '\t' {
			return Address{}, &SyntaxError{i, "no control character"}
		}
	}
	text := strings.Trim(path, " \t")
	text, _ = strings.CutPrefix(text, "<")
	text, _ = strings.CutSuffix(text, ">")
	text = strings.Trim(text, " \t")
	if strings.HasPrefix(text, "@") {
		if _, rest, ok := strings.Cut(text, ":"); ok {
			text = rest
		}
	}
	if local, rest, ok := unquote(text); ok && rest == "" {
		return Address{Local: local}, nil
	}
	local, domain := text, ""
	if at := lastAt(text); at >= 0 {
		local, domain = text[:at], text[at+1:]
	}
	if local == "" {
		return Address{}, &SyntaxError{0, "a local part"}
	}
	if unquoted, rest, ok := unquote(local); ok && rest == "" {
		local = unquoted
	}
	return Address{Local: local, Domain: Domain(domain)}, nil
}

// lastAt returns the place of the @ before the domain, or -1. Address literals with an @ are
// in header fields, where [ParseAddressList] takes them.
func lastAt(text string) int {
	if inner, ok := strings.CutSuffix(text, "]"); ok {
		_, rest, _ := unquote(inner)
		at := strings.LastIndex(rest, "@[")
		if at >= 0 && !strings.Contains(rest[at:], "]") {
			return len(inner) - len(rest) + at
		}
	}
	return strings.LastIndexByte(text, '@')
}

// unquote returns the content of the quoted string at the beginning of a text, and the rest.
// If there is none, it returns false and the whole text as the rest.
func unquote(text string) (content, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", text, false
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return "", text, false
			}
		}
		b.WriteByte(text[i])
	}
	return "", text, false
}
