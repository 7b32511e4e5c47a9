package received

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/message"
)

// Hop is what a host says in its Received field about the client that it got a message from.
type Hop struct {
	Addr     netip.Addr
	Helo     string
	LoggedIn bool // the client has logged in (RFC 3848)
}

// Parse reads a Received field in one of the forms that Postfix, Sendmail and Exim
// write:
//
//	from HELO (NAME [ADDRESS]) by …
//	from HELO ([ADDRESS]) by …
//	from NAME ([ADDRESS] helo=HELO) by …
//	from [ADDRESS] (helo=HELO) by …
//
// Exim may write ident=USER behind HELO.
//
// It returns false for other forms, and if there could be doubt about the address: the client
// chooses HELO, and the owner of the address chooses the name.
func Parse(value string) (h Hop, ok bool) {
	value = message.Unfold(value)
	from, rest := cutWord(value)
	if !strings.EqualFold(from, "from") {
		return h, false
	}
	first, rest := cutWord(strings.TrimLeft(rest, blanks))
	comment, rest, ok := cutComment(strings.TrimLeft(rest, blanks))
	if !ok || first == "" || strings.ContainsAny(first, `()\"`) {
		return h, false
	}
	h.Helo = first
	where, helo, isExim := strings.Cut(comment, "helo=")
	if where = strings.Trim(where, blanks); isExim && (where == "" || where[0] == '[') {
		var behind string
		if helo, behind = cutWord(helo); behind != "" && !strings.HasPrefix(behind[1:], "ident=") {
			return h, false // "helo=" is in the name of another server's field
		}
		h.Helo, comment = helo, cmp.Or(where, first)
	}
	h.Addr, ok = addressIn(comment)
	h.LoggedIn = showsLogin(rest)
	return h, ok
}

// cutWord cuts a text behind its first word.
func cutWord(text string) (word, rest string) {
	if i := strings.IndexAny(text, blanks); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// blanks are the characters between the words of an unfolded field.
const blanks = " \t"

// cutComment cuts a comment from the beginning of a text.
func cutComment(text string) (comment, rest string, ok bool) {
	depth := 0
	for i, c := range []byte(text) {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case '\\', '"':
			return "", text, false // no server writes them there
		}
		if depth == 0 {
			return text[min(i, 1):i], text[i+1:], i > 0
		}
	}
	return "", text, false
}

// addressIn returns the address in square brackets in a text. It returns false if there is
// none, or more than one pair of brackets.
func addressIn(text string) (netip.Addr, bool) {
	_, rest, _ := strings.Cut(text, "[")
	literal, behind, ok := strings.Cut(rest, "]")
	if !ok || strings.ContainsAny(literal+behind, "[]") {
		return netip.Addr{}, false
	}
	const tag = "IPv6:"
	if len(literal) > len(tag) && strings.EqualFold(literal[:len(tag)], tag) {
		literal = literal[len(tag):]
	}
	addr, err := netip.ParseAddr(literal)
	return addr.Unmap(), err == nil && addr.Zone() == ""
}

// showsLogin reports whether the protocol in the rest of a field is one of clients that have
// logged in, such as ESMTPSA.
func showsLogin(rest string) bool {
	words := strings.Fields(withoutComments(rest))
	i := slices.IndexFunc(words, func(word string) bool { return strings.EqualFold(word, "with") })
	if i < 0 || i+1 == len(words) {
		return false
	}
	protocol := strings.ToUpper(strings.TrimSuffix(words[i+1], ";"))
	return strings.HasSuffix(protocol, "MTPA") || strings.HasSuffix(protocol, "MTPSA")
}

// withoutComments returns the text outside of comments.
func withoutComments(text string) string {
	depth := 0
	return strings.Map(func(r rune) rune {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth = max(0, depth-1)
		case depth == 0:
			return r
		}
		return -1
	}, text)
}
