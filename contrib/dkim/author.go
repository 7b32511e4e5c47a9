package dkim

import (
	"io"
	"mime"
	"net/mail"
	"slices"
	"strings"
)

// authors returns the addresses of a message's From field: nil unless there is
// exactly one such field, and it can be understood. What cannot be understood
// has no author that we could speak for.
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

// authorDomains returns the domains of all authors in all From fields, for a
// policy must not be evaded by a second one, nor by one that readers understand
// and we do not.
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

// domainsIn returns all that stands behind an @ in a text.
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

// maxFrom bounds a From field that is looked at.
const maxFrom = 64 << 10

// addresses takes a list of addresses apart. Display names do not matter here,
// so they may be in any charset, and have bytes of any. Domains are in their
// ASCII form.
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

// unfold puts a folded value on one line.
func unfold(value string) string {
	if strings.Contains(value, "\n") {
		value = strings.ReplaceAll(strings.ReplaceAll(value, "\r\n", ""), "\n", "")
	}
	return strings.TrimSpace(value)
}

func anyCharset(_ string, r io.Reader) (io.Reader, error) { return r, nil }

// speaksFor reports whether a signing domain is that of an author or above it.
func speaksFor(d string, authors []string) bool {
	return slices.ContainsFunc(authors, func(a string) bool { return d != "" && within(a, d) })
}
