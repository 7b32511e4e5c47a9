package dkim

import (
	"strings"

	"golang.org/x/net/idna"
)

// asciiDomain returns a domain in the form that the DNS has, in lower case: what
// is not ASCII as A-labels (RFC 5890), so that both ways of writing a name are
// the same. A label that stands for no name of the DNS stays as it is, and so
// equals none; so do the asterisks of patterns.
func asciiDomain(domain string) string {
	domain = strings.ToLower(domain)
	if isASCII(domain) {
		return domain
	}
	// Other full stops separate labels too (RFC 3490 section 3.1).
	labels := strings.Split(strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".").Replace(domain), ".")
	for i, label := range labels {
		if len(label) > maxLabel || isASCII(label) {
			continue
		}
		if ascii, err := idna.Lookup.ToASCII(label); err == nil {
			labels[i] = ascii
		}
	}
	return strings.Join(labels, ".")
}

// maxLabel is above what a label of the DNS takes in UTF-8. To encode a long one
// takes the square of its length.
const maxLabel = 256

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

// asciiAddress is asciiDomain for the right side of an address.
func asciiAddress(address string) string {
	if local, domain := splitAddress(address); domain != "" {
		return local + "@" + asciiDomain(domain)
	}
	return address
}

// isDomain reports whether a name can stand in the DNS and in a d= or s= tag:
// labels of letters, digits, hyphens and underscores. A name of other scripts
// must be in its ASCII form: see asciiDomain.
func isDomain(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if !isAlphaNum(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

func isAlphaNum(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

// within reports whether a name is a domain or below it.
func within(name, domain string) bool {
	rest, ok := cutSuffixFold(name, domain)
	return ok && (rest == "" || strings.HasSuffix(rest, "."))
}

func cutSuffixFold(s, suffix string) (string, bool) {
	n := len(s) - len(suffix)
	if n < 0 || !strings.EqualFold(s[n:], suffix) {
		return s, false
	}
	return s[:n], true
}

// splitAddress returns the two sides of an address.
func splitAddress(address string) (local, domain string) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return address, ""
	}
	return address[:i], address[i+1:]
}
