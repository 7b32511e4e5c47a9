package authres

import (
	"strings"

	"github.com/sluicemail/sluice/framework/message"
)

// sameHost reports whether two names are equal. It ignores case, dots at the end, and
// whether a name is in its ASCII form.
func sameHost(a, b string) bool { return asciiDomain(a) == asciiDomain(b) }

// asciiDomain returns a domain in lower case and without dots at its end, with A-labels
// (RFC 5890) for labels that are not ASCII. A label that cannot be converted stays as it is.
func asciiDomain(domain string) string {
	return strings.TrimRight(message.Domain(domain).ASCII(), ".")
}
