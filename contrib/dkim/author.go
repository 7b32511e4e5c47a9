package dkim

import (
	"errors"
	"fmt"
	"strings"

	mail "github.com/sluicemail/sluice/framework/message"
)

// Why the authors of a message are unclear. The filter does not sign such a message.
var (
	errNoFrom   = errors.New("it has no From field")
	errManyFrom = errors.New("it has more than one From field")
	errLongFrom = errors.New("its From field is longer than 64 KiB")
	errManyAuth = fmt.Errorf("its From field contains more than %d addresses", maxAuthors)
	errNoAuthor = errors.New("its From field contains no address")
	errOddFrom  = errors.New("its From field does not conform to RFC 5322, and its author is not clear")
)

// authors returns the addresses in the From field, with their domains in ASCII form. The
// message must have exactly one From field, which must contain a list of addresses, or one
// address that is clear in spite of errors: see clearAuthor.
func authors(fields []Field) ([]string, error) {
	value, n := "", 0
	for _, f := range fields {
		if f.Is(fromField) {
			value = f.Raw
			n++
		}
	}
	switch {
	case n == 0:
		return nil, errNoFrom
	case n > 1:
		return nil, errManyFrom
	case len(value) > maxFrom:
		return nil, errLongFrom
	}
	switch list := addresses(value); {
	case len(list) > maxAuthors:
		return nil, errManyAuth
	case len(list) > 0:
		return list, nil
	case list != nil: // a group
		return nil, errNoAuthor
	}
	if author, ok := clearAuthor(value); ok {
		return []string{author}, nil
	}
	return nil, errOddFrom
}

// maxAuthors limits the number of authors for whom rules are looked up.
const maxAuthors = 100

// clearAuthor returns the only address in a From field that the grammar refuses, if all
// readers find this one. Either it is in the only angle brackets, which may lack their end,
// or it is the whole field. No other address may be outside of a display name. The address
// may have dots where the grammar does not allow them.
//
// If a quote or a comment does not end, some readers take the address for a part of it, and
// so the author is not clear.
func clearAuthor(value string) (string, bool) {
	before, rest, bracketed := strings.Cut(value, "<")
	if !bracketed {
		before, rest = "", value
	}
	inner, behind, _ := strings.Cut(rest, ">")
	if strings.ContainsAny(before+inner+behind, "<>") || !endsAll(value) {
		return "", false
	}
	a, err := mail.ParseAddress("<"+inner+">", mail.Strict)
	if err != nil {
		a, err = dottedAddress(inner, bracketed)
	}
	if err != nil {
		return "", false
	}
	list, err := mail.ParseAddressList(value, mail.Tolerant)
	if err != nil || len(list) != 1 || list[0].Local != a.Local || list[0].Domain != a.Domain {
		return "", false
	}
	return plainAddress(a), true
}

// dottedAddress parses an address whose local part begins or ends with a dot or has
// several in a row, as some providers allow, or that has "mailto:" before it in brackets.
func dottedAddress(text string, bracketed bool) (mail.Address, error) {
	text = strings.Trim(text, blanks)
	const scheme = "mailto:"
	if bracketed && len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		text = text[len(scheme):]
	}
	local, domain := splitAddress(text)
	for i := range len(local) {
		if !inLocal(local[i]) {
			return mail.Address{}, errOddFrom
		}
	}
	if local == "" || !isDomain(asciiDomain(domain)) {
		return mail.Address{}, errOddFrom
	}
	return mail.Address{Local: local, Domain: mail.Domain(domain)}, nil
}

// endsAll reports whether all quoted strings and comments in a field end.
func endsAll(value string) bool {
	quoted, depth := false, 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && (quoted || depth > 0):
			i++
		case c == '"' && depth == 0:
			quoted = !quoted
		case c == '(' && !quoted:
			depth++
		case c == ')' && !quoted && depth > 0:
			depth--
		}
	}
	return !quoted && depth == 0
}

// maxFrom limits the length of a From field that is parsed, in bytes.
const maxFrom = 64 << 10

// addresses parses a list of addresses and returns them with their domains in
// ASCII form. It returns nil if the list does not conform to RFC 5322. It takes display
// names with any bytes, because it ignores them.
func addresses(value string) []string {
	if len(value) > maxFrom {
		return nil
	}
	list, err := mail.ParseAddressList(strings.ToValidUTF8(value, "\ufffd"), mail.Strict)
	if err != nil {
		return nil
	}
	return plainAddresses(list)
}

func plainAddresses(list []mail.Address) []string {
	found := make([]string, len(list))
	for i, a := range list {
		found[i] = plainAddress(a)
	}
	return found
}

// plainAddress returns an address without quotes, with its domain in ASCII form.
func plainAddress(a mail.Address) string { return a.Local + "@" + a.Domain.ASCII() }
