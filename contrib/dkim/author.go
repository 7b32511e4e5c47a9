package dkim

import (
	"io"
	"mime"
	"net/mail"
	"slices"
	"strings"
)

// authors returns the addresses in the From field. It returns nil unless the
// message has exactly one From field and the field can be parsed. The filter
// does not sign a message whose author is unclear.
func authors(fields []Field) []string {
	value, n := "", 0
	for _, f := range fields {
		if f.is(fromField) {
			value = f.Raw
			n++
		}
	}
	if n != 1 {
		return nil
	}
	return addresses(value)
}

// authorDomains returns the domains of all authors in all From fields. For a
// field that cannot be parsed, it returns everything that looks like a domain.
// Otherwise a sender could evade a policy with a second From field, or with a
// field that mail readers understand but this package does not.
func authorDomains(fields []Field) []string {
	var domains []string
	for _, f := range fields {
		if !f.is(fromField) {
			continue
		}
		list := addresses(f.Raw)
		if list == nil {
			domains = append(domains, domainsIn(f.Raw)...)
		}
		for _, a := range list {
			if _, domain := splitAddress(a); domain != "" {
				domains = append(domains, domain)
			}
		}
	}
	return domains
}

// domainsIn returns the domains that follow an @ in a text.
func domainsIn(text string) []string {
	var found []string
	for _, part := range strings.Split(unfold(text), "@")[1:] {
		if i := strings.IndexAny(part, " \t<>()[],;:\"\\"); i >= 0 {
			part = part[:i]
		}
		if domain := asciiDomain(strings.Trim(part, ".")); isDomain(domain) {
			found = append(found, domain)
		}
	}
	return found
}

// maxFrom limits the length of a From field that is parsed, in bytes.
const maxFrom = 64 << 10

// addresses parses a list of addresses and returns them with their domains in
// ASCII form. It returns nil if the list is malformed. It accepts display names
// in any charset and with any bytes, because it ignores them.
func addresses(value string) []string {
	if len(value) > maxFrom {
		return nil
	}
	p := mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: anyCharset}}
	list, err := p.ParseList(strings.ToValidUTF8(unfold(value), "\ufffd"))
	if err != nil {
		return nil
	}
	found := make([]string, len(list))
	for i, a := range list {
		found[i] = asciiAddress(a.Address)
	}
	return found
}

// unfold returns a folded value in one line.
func unfold(value string) string {
	if strings.Contains(value, "\n") {
		value = strings.ReplaceAll(strings.ReplaceAll(value, "\r\n", ""), "\n", "")
	}
	return strings.TrimSpace(value)
}

func anyCharset(_ string, r io.Reader) (io.Reader, error) { return r, nil }

// speaksFor reports whether a signing domain equals the domain of an author or
// is above it.
func speaksFor(d string, authors []string) bool {
	return slices.ContainsFunc(authors, func(a string) bool { return d != "" && within(a, d) })
}
