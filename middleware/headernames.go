package middleware

import (
	"strings"

	"github.com/sluicemail/sluice/framework/message"
)

// CanonicalHeaderName returns the canonical spelling of a header field's name.
// Names in IANA's registry are spelled as in their RFC, such as MIME-Version
// and DKIM-Signature. In other names each word begins with a capital, as in
// X-Spam-Flag. A string that is not a valid name (RFC 5322 section 2.2), or
// that is longer than 256 bytes, is returned unchanged.
func CanonicalHeaderName(name string) string {
	if len(name) > maxHeaderName || message.CheckFieldName(name) != nil {
		return name
	}
	spelled := capitalized(name)
	if irregular := irregularName(spelled); irregular != "" {
		return irregular
	}
	return spelled
}

const maxHeaderName = 256

// capitalized returns the name with a capital at the beginning of each word, and
// lower case letters otherwise. It does not allocate if nothing changes.
func capitalized(name string) string {
	var b []byte
	begin := true
	for i := range len(name) {
		c := name[i]
		want := lowerByte(c)
		if begin {
			want = upperByte(c)
		}
		if want != c && b == nil {
			b = []byte(name)
		}
		if b != nil {
			b[i] = want
		}
		begin = c == '-'
	}
	if b == nil {
		return name
	}
	return string(b)
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upperByte(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// irregularName returns the RFC's spelling of a capitalized name, or "" if the
// spelling is the same. The names are those in IANA's registry of message header
// fields that are in use.
func irregularName(capitalized string) string {
	switch capitalized {
	case "Mime-Version":
		return "MIME-Version"
	case "Message-Id":
		return "Message-ID"
	case "Resent-Message-Id":
		return "Resent-Message-ID"
	case "Content-Id":
		return "Content-ID"
	case "Content-Md5":
		return "Content-MD5"
	case "Dkim-Signature":
		return "DKIM-Signature"
	case "Domainkey-Signature":
		return "DomainKey-Signature"
	case "Tls-Required":
		return "TLS-Required"
	case "Tls-Report-Domain":
		return "TLS-Report-Domain"
	case "Tls-Report-Submitter":
		return "TLS-Report-Submitter"
	case "Pics-Label":
		return "PICS-Label"
	case "Original-Message-Id":
		return "Original-Message-ID"
	case "Received-Spf":
		return "Received-SPF"
	case "Vbr-Info":
		return "VBR-Info"
	case "Mt-Priority":
		return "MT-Priority"
	case "Jabber-Id":
		return "Jabber-ID"
	case "Ediint-Features":
		return "EDIINT-Features"
	case "Dl-Expansion-History":
		return "DL-Expansion-History"
	}
	return irregularPrefix(capitalized)
}

// irregularPrefix does the same for names with a common prefix.
func irregularPrefix(capitalized string) string {
	for _, p := range [...][2]string{
		{"Arc-", "ARC-"}, {"Bimi-", "BIMI-"}, {"Mmhs-", "MMHS-"}, {"Nntp-", "NNTP-"}, {"Sio-", "SIO-"}, {"X-Ms-", "X-MS-"},
	} {
		if rest, ok := strings.CutPrefix(capitalized, p[0]); ok {
			return p[1] + rest
		}
	}
	return ""
}
