package resolver

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// Type is a type of DNS records.
type Type uint16

// The types that a [Resolver] looks up.
const (
	TypeA    = Type(dns.TypeA)
	TypePTR  = Type(dns.TypePTR)
	TypeMX   = Type(dns.TypeMX)
	TypeTXT  = Type(dns.TypeTXT)
	TypeAAAA = Type(dns.TypeAAAA)
)

// String returns the name of the type, such as "TXT".
func (t Type) String() string {
	if name, ok := dns.TypeToString[uint16(t)]; ok {
		return name
	}
	return fmt.Sprintf("TYPE%d", uint16(t))
}

func (t Type) known() bool {
	switch t {
	case TypeA, TypeAAAA, TypeMX, TypePTR, TypeTXT:
		return true
	default:
		return false
	}
}

// cleanName returns a name in lower case without the dot at its end. It returns
// false for a text that is no name (RFC 1035 section 2.3.4). The DNS allows any
// byte in a label (RFC 2181 section 11), and SPF macros use that. So all
// printable ASCII characters are valid but the backslash, which would start an
// escape. An internationalized name must be in its ASCII form. The result shares
// no memory with the text, which may be a part of a large message: the cache keeps
// the result.
func cleanName(name string) (string, bool) {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > maxName {
		return name, false
	}
	clean, label := make([]byte, 0, maxName), 0
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' || c == '\\' {
			return name, false
		}
		if label++; c == '.' {
			if label == 1 {
				return name, false
			}
			label = 0
		}
		if label > maxLabel {
			return name, false
		}
		clean = append(clean, lower(c))
	}
	return string(clean), label > 0
}

// The largest sizes of a name and of a label, in bytes (RFC 1035 section 2.3.4).
const (
	maxName  = 253 // 255 with the length of the first label and the root
	maxLabel = 63
)

// lower changes only ASCII letters. Other letters have counterparts in ASCII too,
// such as the Kelvin sign, but belong to other names.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// reverseName returns the name of the PTR records for an address (RFC 1035
// section 3.5, RFC 3596 section 2.5).
func reverseName(addr netip.Addr) (string, error) {
	name, err := dns.ReverseAddr(addr.Unmap().WithZone("").String())
	if err != nil {
		return "", fmt.Errorf("%q is not an address", addr)
	}
	return name, nil
}
