package dkim

import (
	"strings"

	"github.com/emersion/go-msgauth/authres"
)

// FormatResults returns the value of an Authentication-Results field (RFC 8601)
// with a line for each result.
func FormatResults(authservID string, results []Result) string {
	list := make([]authres.Result, len(results))
	for i := range results {
		list[i] = results[i].authres()
	}
	value := authres.Format(formatID(authservID), list)
	return strings.ReplaceAll(strings.TrimRight(value, " "), "; dkim=", ";\n\tdkim=")
}

// authres returns a result with the properties of RFC 8601 section 2.7.1 and
// RFC 6008.
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

// formatID quotes a name of this host that is not a token.
func formatID(id string) string {
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(id) + `"`
		}
	}
	return id
}

// claims reports whether an Authentication-Results field says that one of the
// names has added it. A field that cannot be understood does so if a name is
// anywhere before its first results: other programs may read it in another way.
func claims(value string, names []string) bool {
	id, ok := authservID(value)
	if !ok {
		value = strings.ToLower(value)
	}
	for _, name := range names {
		switch {
		case name == "":
		case ok && sameHost(id, name), !ok && strings.Contains(value, strings.ToLower(name)):
			return true
		}
	}
	return false
}

// sameHost compares names of hosts: without regard to case, and to the dot of
// the root.
func sameHost(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// authservID returns the first word of an Authentication-Results field, a token
// or a quoted string, between comments and white space. It is false where the
// field does not begin like that, or something else than a version follows.
func authservID(value string) (id string, ok bool) {
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
		id, _, _ = strings.Cut(id, "/") // a version that stands close, as some write it
	}
	if !ok || id == "" {
		return "", false
	}
	if rest, ok = skipCFWS(rest); !ok {
		return "", false
	}
	rest = strings.TrimLeft(rest, "/0123456789")
	if rest, ok = skipCFWS(rest); !ok {
		return "", false
	}
	return id, rest == "" || rest[0] == ';'
}

// quoted takes a quoted string from the begin of text.
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

// skipCFWS skips white space and comments, which nest.
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
