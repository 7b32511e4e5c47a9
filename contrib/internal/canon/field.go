package canon

import "strings"

// Method is a canonicalization algorithm.
type Method uint8

// The two algorithms.
const (
	Simple Method = iota
	Relaxed
)

// String returns the name of the algorithm in signatures.
func (m Method) String() string {
	if m == Relaxed {
		return "relaxed"
	}
	return "simple"
}

// AppendField appends the canonical form of a header field, including its line
// end. The value is the unchanged text after the colon. Its lines may be
// separated by CRLF or LF.
func (m Method) AppendField(dst []byte, name, value string) []byte {
	if m == Simple {
		dst = append(append(dst, name...), ':')
		return append(appendCRLF(dst, value), '\r', '\n')
	}
	dst = append(appendLower(dst, strings.TrimRight(name, " \t")), ':')
	return append(appendUnfolded(dst, value), '\r', '\n')
}

// appendCRLF appends text with its line ends converted to CRLF.
func appendCRLF(dst []byte, text string) []byte {
	for {
		line, rest, more := strings.Cut(text, "\n")
		dst = append(dst, line...)
		if !more {
			return dst
		}
		if !strings.HasSuffix(line, "\r") {
			dst = append(dst, '\r')
		}
		dst = append(dst, '\n')
		text = rest
	}
}

func appendLower(dst []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// appendUnfolded appends text in one line. Each run of white space becomes one
// space, and white space at the ends is removed.
func appendUnfolded(dst []byte, text string) []byte {
	start, space := len(dst), false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ' ' || c == '\t':
			space = true
		case c == '\n' || c == '\r' && i+1 < len(text) && text[i+1] == '\n':
			// The line end of a fold is dropped. The white space after it
			// separates the words.
		default:
			if space && len(dst) > start {
				dst = append(dst, ' ')
			}
			dst, space = append(dst, c), false
		}
	}
	return dst
}
