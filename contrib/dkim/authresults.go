package dkim

import (
	"mime"
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/authres"
)

// FormatResults returns the value of an Authentication-Results field (RFC 8601)
// with one line for each result. Lines are separated by LF.
func FormatResults(authservID string, results []Result) string {
	list := make([]authres.Result, len(results))
	for i := range results {
		list[i] = results[i].authres()
	}
	value := authres.Format(formatID(authservID), list)
	return strings.ReplaceAll(strings.TrimRight(value, " "), "; dkim=", ";\n\tdkim=")
}

// authres converts a result into the form of RFC 8601 section 2.7.1 and RFC
// 6008.
func (r *Result) authres() authres.Result {
	return &authres.GenericResult{
		Method: "dkim",
		Value:  authres.ResultValue(r.Status),
		Params: map[string]string{
			"reason":   r.Reason,
			"header.d": r.Domain,
			"header.i": r.AUID,
			"header.s": r.Selector,
			"header.a": r.Algorithm,
			"header.b": r.Signature,
		},
	}
}

// formatID returns an authserv-id, in quotes if it is not a token.
func formatID(id string) string {
	if isToken(id) && isASCII(id) {
		return id
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(id) + `"`
}

// isToken reports whether a word is a token (RFC 2045 section 5.1), which needs
// no quotes. It allows characters that are not ASCII.
func isToken(word string) bool {
	return strings.IndexFunc(word, func(c rune) bool {
		return c <= ' ' || c == 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?=`, c)
	}) < 0
}

// claims reports whether an Authentication-Results field claims to come from
// one of the hosts. A field that cannot be parsed, or whose authserv-id is not
// a token, claims so if it contains a name anywhere, because other programs may
// parse the field differently.
func claims(value string, names []string) bool {
	id, plain := authservID(value)
	return slices.ContainsFunc(names, func(name string) bool {
		switch {
		case name == "":
			return false
		case id != "" && sameHost(id, name):
			return true
		default:
			return !plain && mentions(value, strings.TrimRight(name, "."))
		}
	})
}

// sameHost reports whether two host names are equal. It ignores case, a
// trailing dot, and whether a name is in its ASCII form.
func sameHost(a, b string) bool {
	return strings.EqualFold(asciiDomain(strings.TrimRight(a, ".")), asciiDomain(strings.TrimRight(b, ".")))
}

// mentions reports whether a text contains a name. It looks in several forms of
// the text, because programs read malformed fields in different ways: the text
// as it is, with encoded words decoded, and without white space, quotes and
// comments.
func mentions(text, name string) bool {
	ways := []string{text, stripped(text), stripped(withoutComments(text))}
	d := mime.WordDecoder{CharsetReader: anyCharset}
	if decoded, err := d.DecodeHeader(text); err == nil {
		ways = append(ways, decoded)
	}
	return slices.ContainsFunc(ways, func(way string) bool {
		return strings.Contains(strings.ToLower(way), strings.ToLower(name))
	})
}

func stripped(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n\"\\", r) {
			return -1
		}
		return r
	}, text)
}

func withoutComments(text string) string {
	var out strings.Builder
	for text != "" {
		i := strings.IndexByte(text, '(')
		if i < 0 {
			break
		}
		out.WriteString(text[:i])
		text, _ = skipCFWS(text[i:])
	}
	return out.String() + text
}

// authservID returns the authserv-id of an Authentication-Results field: its
// first word, a token or a quoted string. White space and comments may surround
// the word, and a version may follow it. If the field has another form, the id
// is "". plain reports whether the id consists of the characters of a token.
func authservID(value string) (id string, plain bool) {
	rest, ok := skipCFWS(value)
	if !ok || rest == "" {
		return "", false
	}
	if rest[0] == '"' {
		id, rest, ok = quoted(rest)
	} else {
		n := strings.IndexAny(rest, " \t\r\n;(\"\\")
		if n < 0 {
			n = len(rest)
		}
		id, rest = rest[:n], rest[n:]
		id, _, _ = strings.Cut(id, "/") // some programs write the version directly after the id
	}
	if !ok || id == "" {
		return "", false
	}
	if rest, ok = skipCFWS(rest); !ok {
		return "", false
	}
	rest = strings.TrimLeft(rest, "/0123456789")
	if rest, ok = skipCFWS(rest); !ok || rest != "" && rest[0] != ';' {
		return "", false
	}
	return id, isToken(id)
}

// quoted parses the quoted string at the beginning of text.
func quoted(text string) (content, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return strings.Trim(b.String(), " \t"), text[i+1:], true
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case c != '\r' && c != '\n':
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// skipCFWS returns the text after leading white space and comments. Comments
// can nest. ok is false if a comment does not end.
func skipCFWS(text string) (rest string, ok bool) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == '\\' && depth > 0:
			i++
		case depth == 0 && !strings.ContainsRune(" \t\r\n", rune(c)):
			return text[i:], true
		}
	}
	return "", depth == 0
}
