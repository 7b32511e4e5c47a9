package dkim

import (
	"strings"

	mail "github.com/sluicemail/sluice/framework/message"
)

// asciiDomain returns a domain in the form that the DNS uses: in lower case,
// with A-labels (RFC 5890) for labels that are not ASCII. So the two forms of
// an internationalized domain compare equal. A label that cannot be converted
// stays unchanged and matches no name in the DNS. The asterisks of patterns
// also stay unchanged.
func asciiDomain(domain string) string { return mail.Domain(domain).ASCII() }

// asciiAddress returns an address with its domain in ASCII form.
func asciiAddress(address string) string {
	if local, domain := splitAddress(address); domain != "" {
		return local + "@" + asciiDomain(domain)
	}
	return address
}

// maxDomain is the maximum length of a name in the DNS, in bytes.
const maxDomain = 253

// isDomain reports whether a name is valid in the DNS and in a d= or s= tag.
// Its labels must consist of ASCII letters, digits, hyphens and underscores. An
// internationalized name must be in its ASCII form: see asciiDomain.
func isDomain(name string) bool {
	if name == "" || len(name) > maxDomain {
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

// within reports whether a name equals a domain or is a subdomain of it.
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

// splitAddress splits an address at its last @. Without an @, domain is empty.
func splitAddress(address string) (local, domain string) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return address, ""
	}
	return address[:i], address[i+1:]
}
