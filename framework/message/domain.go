package message

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

// Domain is the domain of an address, as the mail has it: a name, possibly with
// labels that are not ASCII, or an address literal such as "[192.0.2.1]" or
// "[IPv6:2001:db8::1]".
type Domain string

// ASCII returns the domain in the form that the DNS uses: in lower case, with A-labels
// (RFC 5890) for labels that are not ASCII. Two spellings of an internationalized domain
// so compare equal. A label that cannot be converted stays as it is, in lower case, and so
// matches no name in the DNS. A literal stays as it is, in lower case.
func (d Domain) ASCII() string {
	text := lower(string(d))
	if d.IsLiteral() || lex.IsASCII(text) {
		return text
	}
	return eachLabel(text, func(label string) (string, error) {
		if lex.IsASCII(label) {
			return label, nil
		}
		return idna.Lookup.ToASCII(label)
	})
}

// Unicode returns the domain in the form that people read: in lower case, with U-labels
// for A-labels. A label that cannot be converted stays as it is, in lower case. Do not
// show it to people as a proof of who the sender is: different letters look alike.
func (d Domain) Unicode() string {
	text := lower(string(d))
	if d.IsLiteral() {
		return text
	}
	return eachLabel(text, func(label string) (string, error) {
		if lex.IsASCII(label) && !strings.HasPrefix(label, "xn--") {
			return label, nil
		}
		return idna.Lookup.ToUnicode(label)
	})
}

// IsLiteral reports whether the domain is an address literal in square brackets.
func (d Domain) IsLiteral() bool { return strings.HasPrefix(string(d), "[") }

// written returns the domain with "?" for what neither a domain nor a literal can contain,
// so that nothing in it ends the address.
func (d Domain) written() string {
	text := string(d)
	if isLiteral(text) {
		return text
	}
	b := []byte(text)
	for i, c := range b {
		if !isAtext(c) && c != '.' {
			b[i] = '?'
		}
	}
	return string(b)
}

// isLiteral reports whether a text is a domain literal (RFC 5322 section 3.4.1) without
// white space.
func isLiteral(text string) bool {
	if !strings.HasPrefix(text, "[") {
		return false
	}
	p := &parser{s: text}
	return string(p.literal()) == text
}

// maxLabel limits the length of a label that is converted, in bytes, because the time to
// convert a label grows with the square of its length. Valid labels are shorter in UTF-8.
const maxLabel = 256

// eachLabel converts the labels of a domain. A label that is too long or that convert
// refuses stays as it is.
func eachLabel(domain string, convert func(string) (string, error)) string {
	// Other full stops also separate labels (RFC 3490 section 3.1).
	labels := strings.Split(strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".").Replace(domain), ".")
	for i, label := range labels {
		if len(label) > maxLabel {
			continue
		}
		if converted, err := convert(label); err == nil {
			labels[i] = converted
		}
	}
	return strings.Join(labels, ".")
}

// lower returns a text in lower case. In a text that is not UTF-8, it leaves all but the
// ASCII letters.
func lower(text string) string {
	if utf8.ValidString(text) {
		return strings.ToLower(text)
	}
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}
