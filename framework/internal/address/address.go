package address

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/sluicemail/sluice/framework/internal/ascii"
)

// Bare returns an address without its angle brackets.
func Bare[A []byte | string](addr A) A {
	if n := len(addr); n >= 2 && addr[0] == '<' && addr[n-1] == '>' {
		return addr[1 : n-1]
	}
	return addr
}

// Key returns the same text for addresses that mean the same mailbox wherever
// they occur: it leaves out angle brackets, a source route and unnecessary
// quotes, and writes the domain in lower case. The case of the local part
// counts (RFC 5321 section 2.4).
func Key(addr string) string {
	addr = withoutRoute(Bare(addr))
	at := strings.LastIndexByte(addr, '@')
	if at < 0 || strings.HasSuffix(addr, `"`) {
		return unquoted(addr)
	}
	return unquoted(addr[:at]) + "@" + ascii.ToLower(addr[at+1:])
}

// withoutRoute returns a bare address without its source route (RFC 5321
// appendix C).
func withoutRoute(addr string) string {
	if strings.HasPrefix(addr, "@") {
		_, addr, _ = strings.Cut(addr, ":")
	}
	return addr
}

// unquoted returns the text of a quoted local part, and any other one
// unchanged.
func unquoted(local string) string {
	n := len(local)
	if n < 2 || local[0] != '"' || local[n-1] != '"' {
		return local
	}
	var b strings.Builder
	for i := 1; i < n-1; i++ {
		if local[i] == '\\' && i < n-2 {
			i++
		}
		b.WriteByte(local[i])
	}
	return b.String()
}

// maxDomain is the maximum length of a domain (RFC 5321 section 4.5.3.1.2).
const maxDomain = 255

// Problem returns why addr, with or without angle brackets, cannot be the
// address of a mailbox, or "" if it can. Problem is more lenient than RFC 5321
// where mail servers are: a source route may precede, dots may be anywhere in
// the local part, which may contain colons and square brackets, a label of the
// domain may contain underscores, a dot may end the domain, and the domain may
// be missing, as in "postmaster".
func Problem(addr string) string {
	switch {
	case strings.HasPrefix(addr, "<") != strings.HasSuffix(addr, ">"):
		return "has one angle bracket"
	case !utf8.ValidString(addr):
		return "is not UTF-8"
	case strings.ContainsAny(addr, "\x00\r\n"): // the source route is not judged otherwise
		return "contains a control character"
	}
	local, rest := cutLocal(withoutRoute(Bare(addr)))
	domain, has := strings.CutPrefix(rest, "@")
	switch {
	case local == "":
		return "has no local part"
	case rest == "":
		return ""
	case !has:
		return "contains a character that an address has in quotes only"
	case !validDomain(domain):
		return "has no valid domain behind the @"
	}
	return ""
}

// cutLocal cuts off the local part: a quoted string, or atoms and what servers
// allow between them.
func cutLocal(addr string) (local, rest string) {
	if !strings.HasPrefix(addr, `"`) {
		i := 0
		for i < len(addr) && (isAtom(addr[i]) || strings.IndexByte(".:[]", addr[i]) >= 0) {
			i++
		}
		return addr[:i], addr[i:]
	}
	for i := 1; i < len(addr); i++ {
		switch c := addr[i]; {
		case c == '"':
			return addr[:i+1], addr[i+1:]
		case c < ' ', c == 0x7f:
			return addr[:i], addr[i:]
		case c == '\\':
			i++
		}
	}
	return "", addr
}

// isAtom reports whether an atom can contain the byte, which may be part of a
// UTF-8 character.
func isAtom(c byte) bool {
	return isLetterOrDigit(c) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func isLetterOrDigit(c byte) bool {
	l := ascii.Lower(c)
	return 'a' <= l && l <= 'z' || '0' <= c && c <= '9' || c >= utf8.RuneSelf
}

func validDomain(domain string) bool {
	if inner, ok := strings.CutPrefix(domain, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && validLiteral(inner)
	}
	if len(domain) > maxDomain {
		return false
	}
	domain = strings.TrimSuffix(domain, ".")
	for label := range strings.SplitSeq(domain, ".") {
		if !validLabel(label) {
			return false
		}
	}
	return true
}

func validLabel(label string) bool {
	for i := range len(label) {
		if c := label[i]; !isLetterOrDigit(c) && c != '-' && c != '_' {
			return false
		}
	}
	return label != ""
}

// validLiteral reports whether text is an IPv4 address, or an IPv6 address with
// its tag (RFC 5321 section 4.1.3).
func validLiteral(text string) bool {
	if tag, rest, tagged := strings.Cut(text, ":"); tagged {
		addr, err := netip.ParseAddr(rest)
		return err == nil && ascii.EqualFold(tag, "IPv6") && addr.Is6() && addr.Zone() == ""
	}
	addr, err := netip.ParseAddr(text)
	return err == nil && addr.Is4()
}
