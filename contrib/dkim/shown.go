package dkim

import (
	"errors"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	mail "github.com/sluicemail/sluice/framework/message"
)

// shownDomains returns the domains that mail readers may show as those of the authors, in
// all From fields. It returns false if a reader may show others that it does not find: if
// a field is so malformed that a domain cannot be read, if no domain is there, or if the
// fields are longer than maxFrom together. MTAs add a domain to an address without one, and
// a From field to a message without one, so these may show any domain, too.
//
// Display names and comments in a field that conforms to RFC 5322 do not count.
func shownDomains(fields []Field) ([]string, bool) {
	size := 0
	for i := range fields {
		if fields[i].Is(fromField) {
			size += len(fields[i].Raw)
		}
	}
	if size > maxFrom {
		return nil, false
	}
	var domains []string
	sure := true
	for i := range fields {
		if !fields[i].Is(fromField) {
			continue
		}
		found, ok := domainsOfList(fields[i].Raw)
		if !ok {
			found, ok = domainsInText(fields[i].Raw)
		}
		domains, sure = append(domains, found...), sure && ok
	}
	return domains, sure && len(domains) > 0
}

// domainsOfList returns the domains in a From field if it conforms to RFC 5322 and no
// reader can take another text in it for an address.
func domainsOfList(value string) ([]string, bool) {
	list, err := mail.ParseAddressList(strings.ToValidUTF8(value, "\ufffd"), mail.Strict)
	if err != nil || hasRoute(value) {
		return nil, false
	}
	domains := make([]string, len(list))
	for i, a := range list {
		domains[i] = a.Domain.ASCII()
		if !isShownDomain(domains[i]) || strings.Contains(a.Local, "=?") || strings.ContainsAny(a.Local, atSigns) {
			return nil, false
		}
	}
	return domains, true
}

// atSigns are the characters that look like the @ of an address.
const atSigns = "@\uff20\ufe6b"

// hasRoute reports whether angle brackets may begin with a route, whose domains some
// readers show.
func hasRoute(value string) bool {
	for _, inner := range strings.Split(value, "<")[1:] {
		if inner = strings.TrimLeft(inner, blanks+","); strings.HasPrefix(inner, "@") || strings.HasPrefix(inner, "(") {
			return true
		}
	}
	return false
}

const blanks = " \t\r\n"

// isShownDomain reports whether a name in ASCII form is a domain that readers show as it
// is. A reader may show any text for an A-label that is not valid.
func isShownDomain(name string) bool {
	if !isDomain(name) {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if strings.HasPrefix(label, "xn--") {
			if _, err := idna.Lookup.ToUnicode(label); err != nil {
				return false
			}
		}
	}
	return true
}

// domainsInText returns what readers may take for domains in a From field that does not
// conform: the words behind each @, also where encoded words contain it. It returns false
// if one of these is no domain, or if the field has no @.
func domainsInText(value string) ([]string, bool) {
	decoded, err := mail.Decoder{MaxValue: maxFrom}.Decode(value)
	s := authorScan{text: strings.Map(plainRune, decoded)}
	s.sure = !errors.Is(err, mail.ErrTooMuchEncoded) && !strings.Contains(s.text, "=?")
	s.matchComments()
	for i := range len(s.text) {
		if s.text[i] == '@' {
			s.at(i + 1)
		}
	}
	return s.found, s.sure && len(s.found) > 0
}

// plainRune returns an ASCII character for those that look like an @ or a space. It drops
// characters that show nothing.
func plainRune(r rune) rune {
	switch {
	case strings.ContainsRune(atSigns, r):
		return '@'
	case unicode.IsSpace(r):
		return ' '
	case unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}

// authorScan looks for domains in a text. The time is proportional to its length.
type authorScan struct {
	text  string
	ends  map[int]int // where the comment that begins at a byte ends
	found []string
	sure  bool // each @ so far precedes a domain
}

// matchComments finds the comments in the text. It does not know which parentheses are in
// quotes, and need not: see at.
func (s *authorScan) matchComments() {
	s.ends = make(map[int]int)
	var open []int
	for i := 0; i < len(s.text); i++ {
		switch last := len(open) - 1; {
		case s.text[i] == '\\':
			i++
		case s.text[i] == '(':
			open = append(open, i)
		case s.text[i] == ')' && last >= 0:
			s.ends[open[last]] = i
			open = open[:last]
		}
	}
}

// at keeps the domain behind an @: up to the first space or comment, and also with what
// follows them if that begins with a dot, because they may stand beside dots.
func (s *authorScan) at(i int) {
	begin := s.skip(i, blanks+`<>[],;:"'`)
	if strings.Contains(s.text[i:begin], "(") {
		s.sure = false // some readers show the text of the comment
	}
	var whole strings.Builder
	for i, first := begin, true; ; first = false {
		end := i
		for end < len(s.text) && (s.text[end] == '.' || !endsDomain(s.text[end])) {
			end++
		}
		_, _ = whole.WriteString(s.text[i:end])
		next := s.skip(end, blanks)
		more := next > end && next < len(s.text) && (s.text[next] == '.' || strings.HasSuffix(s.text[i:end], ".") && !endsDomain(s.text[next]))
		if first || !more {
			s.keep(whole.String())
		}
		if !more {
			s.sure = s.sure && !isJoined(s.text[end:])
			return
		}
		i = next
	}
}

// skip returns the place behind comments and some other characters.
func (s *authorScan) skip(i int, others string) int {
	for i < len(s.text) {
		end, ok := s.ends[i]
		switch {
		case ok:
			i = end + 1
		case strings.IndexByte(others, s.text[i]) >= 0:
			i++
		default:
			return i
		}
	}
	return i
}

// keep keeps a word if it is a domain. A domain may be in single quotes.
func (s *authorScan) keep(word string) {
	const longest = 4 * maxDomain // in UTF-8
	if len(word) <= longest {
		if domain := strings.Trim(asciiDomain(word), ".'"); isShownDomain(domain) {
			s.found = append(s.found, domain)
			return
		}
	}
	s.sure = false
}

// endsDomain reports whether a byte cannot be part of a domain in any reading.
func endsDomain(c byte) bool { return strings.IndexByte(blanks+`<>()[],;:"\@`, c) >= 0 }

// isJoined reports whether a reader may take the text behind a domain for a part of it:
// what follows a backslash, or a quote inside a word.
func isJoined(rest string) bool {
	return strings.HasPrefix(rest, `\`) || len(rest) > 1 && rest[0] == '"' && !endsDomain(rest[1])
}
