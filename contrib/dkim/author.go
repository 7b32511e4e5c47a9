package dkim

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/contrib/internal/author"
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
// address that is clear in spite of errors: see [author.Clear].
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
	if address, ok := author.Clear(value); ok {
		return []string{plainAddress(address)}, nil
	}
	return nil, errOddFrom
}

// maxAuthors limits the number of authors for whom rules are looked up.
const maxAuthors = 100

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
