package dmarc

import "strings"

// isURI reports whether a text is a URI (RFC 3986) in a list of a DMARC record, where "," and
// "!" must be encoded (RFC 9989 section 4.8).
func isURI(text string) bool {
	scheme, rest, ok := strings.Cut(text, ":")
	if !ok || !isScheme(scheme) {
		return false
	}
	// A URI has square brackets only around the address of a host, and one fragment.
	hasHost := strings.HasPrefix(rest, "//")
	fragments := 0
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '%':
			if i+2 >= len(rest) || !isHex(rest[i+1]) || !isHex(rest[i+2]) {
				return false
			}
			i += 2
		case c == '#':
			fragments++
		case c == '[' || c == ']':
			if !hasHost {
				return false
			}
		case !isAlphaNum(c) && !strings.ContainsRune("-._~:/?@$&'()*+;=", rune(c)):
			return false
		}
	}
	return fragments <= 1
}

func isScheme(text string) bool {
	if text == "" || !isAlphaNum(text[0]) || isDigit(text[0]) {
		return false
	}
	for i := range len(text) {
		if c := text[i]; !isAlphaNum(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// withoutSize returns a URI without the limit of size that earlier versions of DMARC allowed
// behind it, such as "!10m".
func withoutSize(uri string) string {
	i := strings.LastIndexByte(uri, '!')
	if i < 0 {
		return uri
	}
	size := uri[i+1:]
	if n := len(size); n > 0 && strings.IndexByte("kmgtKMGT", size[n-1]) >= 0 {
		size = size[:n-1]
	}
	if size == "" || strings.Trim(size, "0123456789") != "" {
		return uri
	}
	return uri[:i]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isAlphaNum(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || isDigit(c) }
