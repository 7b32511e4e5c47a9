package headers

import (
	"io"
	"mime"
	"net/mail"
	"regexp"
	"strings"
)

// Malformed holds when a field of one of the names is not what RFC 5322 has it
// be: a list of addresses in From, Reply-To, To and Cc, and in Bcc, which may
// be empty; one address in Sender; a date in Date; message identifiers in
// Message-ID, one of them, and in In-Reply-To and References. In all fields
// CR, LF and NUL are malformed, unless they fold the line.
//
// The parser is that of net/mail: it takes some that the standard calls
// obsolete, and addresses in UTF-8.
type Malformed struct {
	// Names are those of fields; none stand for the fields that RFC 5322
	// allows once, as in [Duplicated]. A field that is absent is not
	// malformed.
	Names []string
}

func (m Malformed) compile(c *compiler) test {
	names := m.Names
	ids := c.seenAll(names)
	if len(names) == 0 {
		names = singles()
	}
	grammar := newGrammar()
	return func(r *run) bool {
		for n, id := range ids {
			for _, i := range r.of(id) {
				if !grammar.takes(lower(names[n]), r.fields[i].value) {
					return true
				}
			}
		}
		return false
	}
}

// grammar tells well-formed values.
type grammar struct {
	addresses mail.AddressParser
	id, ids   *regexp.Regexp
}

func newGrammar() *grammar {
	const id = `<[^<>@\s]+@[^<>@\s]+>`
	g := &grammar{
		id:  regexp.MustCompile(`^` + id + `$`),
		ids: regexp.MustCompile(`^(` + id + `|[^<>]|"[^"]*")+$`), // with the phrases of old
	}
	// The name beside an address may be in any charset.
	g.addresses.WordDecoder = &mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil }}
	return g
}

func (g *grammar) takes(name, raw string) bool {
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

// hasBreak reports whether a value holds a NUL, or a CR or LF that does not
// fold it.
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
