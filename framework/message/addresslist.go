package message

import "strings"

// Mode says how strictly addresses are parsed.
type Mode int

const (
	// Strict takes the grammar of RFC 5322, current and obsolete, with UTF-8 as RFC 6532
	// allows it: comments and folds wherever they may stand, groups, routes, domain
	// literals, empty elements of a list. Use it to judge.
	Strict Mode = iota
	// Tolerant also takes what mail readers and other filters take: characters in a
	// display name that need quotes, quotes and brackets that do not end, bytes that are
	// not UTF-8, commas and semicolons too many, addresses without a comma between them,
	// a mailbox without a domain. Use it to find the addresses that a reader may see.
	// What Strict takes, Tolerant reads as Strict does.
	Tolerant
)

// ParseAddressList parses the value of a header field that contains a list of addresses,
// such as To. The addresses of groups are part of the result, without the name of the
// group. A group may be empty, and so the result, without an error. The value may be
// folded.
//
// With [Tolerant], an element without an @ and without angle brackets is a mailbox without
// a domain if it is a single word. If there is exactly one address in angle brackets and
// nothing else has an @, then the words before it belong to its name, as in
// "Smith, Ann <ann@example.org>". The error is non-nil if nothing looks like an address.
//
// An error is a *[SyntaxError]. The cost is linear in the length of the value, whatever
// it contains.
func ParseAddressList(value string, mode Mode) ([]Address, error) {
	p := newParser(value)
	list := p.addressList()
	err := p.result("a comma or the end of the list")
	if err == nil {
		return list, nil
	}
	if mode == Tolerant {
		if list := looseAddresses(value); len(list) > 0 {
			return list, nil
		}
	}
	return nil, err
}

// ParseAddress parses the value of a header field that contains one address, such as
// Sender. The value may be folded. With [Strict], a group is an error. With [Tolerant], a
// group that contains one address is this address. An error is a *[SyntaxError].
func ParseAddress(value string, mode Mode) (Address, error) {
	p := newParser(value)
	a := p.mailbox()
	err := p.result("the end of the address")
	if err == nil {
		return a, nil
	}
	if mode == Tolerant {
		if list, _ := ParseAddressList(value, Tolerant); len(list) == 1 {
			return list[0], nil
		}
	}
	return Address{}, err
}

// What a list may consist of.
const (
	anAddress = "an address"
	aMailbox  = "an address (a group is not allowed here)"
)

// addressList reads an address-list: addresses and groups.
func (p *parser) addressList() []Address {
	var list []Address
	p.elements(anAddress, 0, func() { list = p.address(list) })
	return list
}

// mailboxes reads a mailbox-list, in which groups are not allowed.
func (p *parser) mailboxes() {
	p.elements(aMailbox, 0, func() { p.mailbox() })
}

// elements reads a list of at least one element. Elements may be empty, as RFC 5322
// section 4.4 has it. The list ends at the end of the value, or before the byte end.
func (p *parser) elements(expected string, end byte, element func()) {
	n := 0
	for p.err == nil {
		p.cfws()
		if c := p.peek(); c != ',' && c != end && c != 0 {
			element()
			n++
		}
		if !p.take(',') {
			break
		}
	}
	if n == 0 && end == 0 {
		p.fail(expected)
	}
}

// address reads an address, or a group (RFC 5322 section 3.4), and adds what it finds
// to the list.
func (p *parser) address(list []Address) []Address {
	at := p.i
	w := p.words()
	if p.peek() != ':' {
		return append(list, p.finishMailbox(w, anAddress))
	}
	w.needPhrase(p, at)
	p.i++
	p.elements(aMailbox, ';', func() { list = append(list, p.mailbox()) })
	p.need(';', "a comma, or a semicolon that ends the group")
	p.cfws()
	return list
}

// mailbox reads a mailbox: an addr-spec, or an angle-addr with or without a name.
func (p *parser) mailbox() Address {
	w := p.words()
	return p.finishMailbox(w, aMailbox)
}

func (p *parser) finishMailbox(w *words, expected string) Address {
	switch p.peek() {
	case '@':
		return p.addrSpec(w)
	case '<':
		if w.n > 0 {
			w.needPhrase(p, w.first)
		}
		a := p.angle()
		a.Name = w.phrase.String()
		return a
	case ':':
		p.fail(aMailbox)
	}
	if w.n > 0 {
		p.fail("an @ or a <")
	}
	p.fail(expected)
	return Address{}
}

// angle reads an angle-addr, whose bracket is next. It drops a route.
func (p *parser) angle() Address {
	p.i++
	p.cfws()
	if c := p.peek(); c == '@' || c == ',' {
		p.route()
	}
	w := p.words()
	if p.peek() != '@' {
		if w.n == 0 {
			p.fail("a local part")
		}
		p.fail("an @")
		return Address{}
	}
	a := p.addrSpec(w)
	p.need('>', "a > that ends the address")
	p.cfws()
	return a
}

// route skips an obs-route: domains with an @ before each, and a colon.
func (p *parser) route() {
	for p.err == nil {
		p.cfws()
		switch {
		case p.take(','):
		case p.take('@'):
			p.domain()
			if c := p.peek(); c != ',' && c != ':' {
				p.fail("a comma or a colon after a domain of the route")
			}
		case p.take(':'):
			return
		default:
			p.fail("an @ or a colon in the route")
		}
	}
}

// addrSpec reads the rest of an addr-spec after its words. The @ is next.
func (p *parser) addrSpec(w *words) Address {
	switch {
	case w.n == 0:
		p.fail("a local part")
	case w.broken >= 0:
		p.failAt(w.broken, w.wanted)
	case w.dot:
		p.fail("a word after the dot")
	}
	p.i++
	domain := p.domain()
	return Address{Local: w.local.String(), Domain: domain}
}

// words are words and dots, which are a display name or a local part: what follows
// them decides.
type words struct {
	n      int  // number of words and dots
	first  int  // the place of the first
	begins bool // the first is a word
	dot    bool // the last is a dot
	broken int  // the place at which this cannot be a local part, or -1
	wanted string

	phrase, local strings.Builder
}

// words reads words and dots, with white space and comments around them.
func (p *parser) words() *words {
	w := &words{broken: -1, dot: true}
	spaced := p.cfws()
	w.first = p.i
	for ; p.err == nil; spaced = p.cfws() {
		c := p.peek()
		word := c == '"' || isAtext(c)
		if !word && c != '.' {
			break
		}
		if word != w.dot && w.broken < 0 {
			w.broken, w.wanted = p.i, "a word before the dot"
			if word {
				w.wanted = "a dot or an @"
			}
		}
		if w.n == 0 {
			w.begins = word
		} else if spaced {
			w.phrase.WriteByte(' ')
		}
		w.n++
		w.dot = !word
		w.add(p, c)
	}
	return w
}

// add reads a word or a dot, of which c is the first byte.
func (w *words) add(p *parser, c byte) {
	switch c {
	case '.':
		p.i++
		w.phrase.WriteByte('.')
		w.local.WriteByte('.')
	case '"':
		var text strings.Builder
		p.quoted(&text)
		w.phrase.WriteString(text.String())
		w.local.WriteString(text.String())
	default:
		text := p.atom()
		w.phrase.WriteString(text)
		w.local.WriteString(text)
	}
}

// needPhrase fails unless the words are a phrase, which begins with a word.
func (w *words) needPhrase(p *parser, at int) {
	if !w.begins {
		p.failAt(at, "a word")
	}
}
