package dmarc

import (
	"strings"
	"unicode/utf8"

	mail "github.com/sluicemail/sluice/framework/message"
)

// maxDomain is the maximum length of a name in the DNS, in bytes.
const maxDomain = 253

// cleanDomain returns a domain in the form that the DNS uses: in lower case, with A-labels (RFC
// 5890) and without a dot at the end. It returns false if the text is no name of a domain: if
// it is an address literal or an IP address, or if the DNS can have no such name.
func cleanDomain(domain string) (string, bool) {
	if strings.ContainsRune(domain, utf8.RuneError) || len(domain) > maxText { // also if it is not UTF-8
		return domain, false
	}
	name := strings.TrimSuffix(mail.Domain(domain).ASCII(), ".")
	return name, isDomain(name)
}

// maxText limits a domain before its conversion, in bytes. A-labels may be shorter than
// U-labels, but not by so much.
const maxText = 4 * maxDomain

// isDomain reports whether a name in lower case is the name of a domain.
func isDomain(name string) bool {
	if name == "" || len(name) > maxDomain {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || !isLabel(label) {
			return false
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != "" // otherwise an IP address
}

func isLabel(label string) bool {
	for i := range len(label) {
		if c := label[i]; !isAlphaNum(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// within reports whether a name equals a domain or is a subdomain of it.
func within(name, domain string) bool {
	rest, ok := strings.CutSuffix(name, domain)
	return ok && (rest == "" || strings.HasSuffix(rest, "."))
}

// topLabel returns the last label of a name.
func topLabel(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// labels returns the number of labels of a name.
func labels(name string) int { return strings.Count(name, ".") + 1 }

// lastLabels returns the last n labels of a name that has as many.
func lastLabels(name string, n int) string {
	for range labels(name) - n {
		_, name, _ = strings.Cut(name, ".")
	}
	return name
}
