package dmarc

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sluicemail/sluice/contrib/internal/author"
	mail "github.com/sluicemail/sluice/framework/message"
)

// Limits of the From field.
const (
	// maxFrom limits the length of a From field that is read, in bytes.
	maxFrom = 64 << 10
	// maxAuthors limits the number of author domains that are evaluated (RFC 9989 section
	// 11.5).
	maxAuthors = 5
)

// authorDomain is an author domain: a name, or what stands in its place.
type authorDomain struct {
	domain string // in the form of the DNS if it is valid
	valid  bool
}

// authors are the author domains of a message, each once.
type authors struct {
	list []authorDomain
	// problem is a sentence that says why there is no evaluation, or "".
	problem string
	// remark is a sentence about a From field that breaks the grammar, or "".
	remark string
}

// add adds an author domain if it is new. It adds one more than are evaluated at most.
func (a *authors) add(domain string) {
	if len(a.list) > maxAuthors {
		return
	}
	name, valid := cleanDomain(domain)
	for _, known := range a.list {
		if known.domain == name {
			return
		}
	}
	a.list = append(a.list, authorDomain{name, valid})
}

// authorsOf returns the author domains of an input.
func authorsOf(in *Input) *authors {
	a := new(authors)
	switch {
	case in.AuthorDomains != nil:
		for _, domain := range in.AuthorDomains {
			a.add(domain)
		}
	case len(in.From) == 1:
		a.read(in.From[0])
	case len(in.From) > 1:
		// Readers show one of them, and each reader another one.
		a.problem = fmt.Sprintf("The message has %d From fields, and RFC 5322 allows one: which author a reader sees is not known.", len(in.From))
		return a
	default:
		a.problem = "The message has no From field, and so no author."
		return a
	}
	switch {
	case a.problem != "":
	case len(a.list) == 0:
		a.problem = "The From field has no address, and so the message has no author."
	case len(a.list) > maxAuthors:
		a.problem = fmt.Sprintf("The message has authors of more than %d domains, too many to evaluate.", maxAuthors)
		a.list = nil
	}
	return a
}

// read adds the domains of a From field. If the field breaks the grammar, its domains are those
// that any reader could take for the author's.
func (a *authors) read(value string) {
	if len(value) > maxFrom {
		a.problem = "The From field is longer than 64 KiB."
		return
	}
	// Display names may have any bytes, because they are ignored.
	list, err := mail.ParseAddressList(strings.ToValidUTF8(value, "\ufffd"), mail.Strict)
	if err == nil {
		a.addAll(list)
		return
	}
	text, err := mail.Decoder{MaxValue: maxFrom}.Decode(value)
	if errors.Is(err, mail.ErrTooMuchEncoded) {
		a.problem = "The From field breaks the grammar of RFC 5322 and has more encoded words than are decoded."
		return
	}
	text = strings.NewReplacer("\uff20", "@", "\ufe6b", "@").Replace(text) // they look like it
	if address, ok := clearAuthor(value, text); ok {
		a.addAll([]mail.Address{address})
		return
	}
	list, _ = mail.ParseAddressList(value, mail.Tolerant)
	a.addAll(list)
	for domain := range mentioned(text) {
		a.add(domain)
	}
	if len(a.list) > 0 {
		a.remark = "The From field breaks the grammar of RFC 5322: every domain in it counts as the author's."
	}
}

func (a *authors) addAll(list []mail.Address) {
	for _, address := range list {
		a.add(string(address.Domain))
	}
}

// clearAuthor returns the author of a field that breaks the grammar, if all readers find the same:
// those that decode encoded words before they look for the address, too.
func clearAuthor(value, decoded string) (mail.Address, bool) {
	address, ok := author.Clear(value)
	if ok && decoded != value {
		var same mail.Address
		same, ok = author.Clear(decoded)
		ok = ok && same.Domain == address.Domain
	}
	return address, ok
}

// domainChars are the ASCII characters of a domain.
const domainChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// mentioned iterates over the texts behind each @ of a field that could be domains.
func mentioned(value string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for rest := value; ; {
			var found bool
			if _, rest, found = strings.Cut(rest, "@"); !found {
				return
			}
			rest = strings.TrimLeft(rest, blanks)
			end := strings.IndexFunc(rest, func(r rune) bool {
				return r < utf8.RuneSelf && !strings.ContainsRune(domainChars, r)
			})
			if end < 0 {
				end = len(rest)
			}
			if domain := strings.Trim(rest[:end], "."); domain != "" && !yield(domain) {
				return
			}
		}
	}
}
