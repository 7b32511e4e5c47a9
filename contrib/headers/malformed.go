package headers

import (
	"io"
	"mime"
	"net/mail"
	"regexp"
	"strings"
)

// Malformed holds if a field with one of the names does not have the form that
// RFC 5322 requires:
//
//   - From, Reply-To, To and Cc contain a list of addresses.
//   - Bcc contains a list of addresses or is empty.
//   - Sender contains one address.
//   - Date contains a date.
//   - Message-ID contains one message identifier.
//   - In-Reply-To and References contain message identifiers.
//   - No field contains NUL, or a CR or LF that does not fold the line.
//
// The check uses the parsers of net/mail, which also accept addresses in UTF-8
// and some forms that the standard calls obsolete.
type Malformed struct {
	// Names are the names of the fields. If empty, Malformed checks the
	// fields that RFC 5322 allows once, as [Duplicated] does. A field that
	// is absent is not malformed.
	Names []string
}

func (m Malformed) compile(c *compiler) test {
	names := m.Names
	ids := c.wantFields(names)
	if len(names) == 0 {
		names = singleFields()
	}
	grammar := newGrammar()
	return func(r *run) bool {
		for n, id := range ids {
			for _, i := range r.indexes(id) {
				if !grammar.valid(lower(names[n]), r.fields[i].value) {
					return true
				}
			}
		}
		return false
	}
}

// grammar checks whether field values are well-formed.
type grammar struct {
	addresses mail.AddressParser
	id, ids   *regexp.Regexp
}

func newGrammar() *grammar {
	const id = `<[^<>@\s]+@[^<>@\s]+>`
	g := &grammar{
		id:  regexp.MustCompile(`^` + id + `$`),
		ids: regexp.MustCompile(`^(` + id + `|[^<>]|"[^"]*")+$`), // RFC 822 allowed phrases between identifiers
	}
	// Accept display names in any charset.
	g.addresses.WordDecoder = &mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil }}
	return g
}

func (g *grammar) valid(name, raw string) bool {
	if hasBreak(raw) {
		return false
	}
	value := unfold(raw)
	switch name {
	case "from", "reply-to", "to", "cc":
		_, err := g.addresses.ParseList(value)
		return err == nil
	case "bcc":
		_, err := g.addresses.ParseList(value)
		return value == "" || err == nil
	case "sender":
		_, err := g.addresses.Parse(value)
		return err == nil
	case "date":
		_, err := mail.ParseDate(value)
		return err == nil
	case "message-id":
		return g.id.MatchString(value)
	case "in-reply-to", "references":
		return g.ids.MatchString(value)
	}
	return true
}

// hasBreak reports whether a value contains a NUL, or a CR or LF that does not
// fold the line.
func hasBreak(value string) bool {
	value = strings.ReplaceAll(value, "\r\n", "\n")
	if strings.ContainsAny(value, "\r\x00") {
		return true
	}
	for {
		_, rest, found := strings.Cut(value, "\n")
		if !found {
			return false
		}
		if rest == "" || !isSpace(rest[0]) {
			return true
		}
		value = rest
	}
}
