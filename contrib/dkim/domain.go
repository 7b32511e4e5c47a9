package dkim

import "strings"

// isDomain reports whether a name can stand in the DNS and in a d= or s= tag:
// labels of letters, digits, hyphens and underscores. A name of other scripts
// must be given in its ASCII form.
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
