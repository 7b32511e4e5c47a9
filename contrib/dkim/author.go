package dkim

import (
	"io"
	"mime"
	"net/mail"
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
// policy must not be evaded by a second one.
func authorDomains(fields []Field) []string {
	var domains []string
	for _, f := range fields {
		if !f.is(fromField) {
			continue
		}
		for _, a := range addresses(f.Raw) {
			if _, domain := splitAddress(a); domain != "" {
				domains = append(domains, domain)
			}
		}
	}
	return domains
}

// maxFrom bounds a From field that is looked at.
const maxFrom = 64 << 10

// addresses takes a list of addresses apart. Display names do not matter here,
// so they may be in any charset. Domains are in their ASCII form.
func addresses(value string) []string {
	if len(value) > maxFrom {
		return nil
	}
	p := mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: anyCharset}}
	list, err := p.ParseList(unfold(value))
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
