package message

import "strings"

// loose reads addresses from a value that the grammar refuses. It accepts everything, and
// finds what looks like an address. A quote or a comment that does not end counts as an
// ordinary character, as do all later ones of its kind: so no byte is looked at more than
// a few times.
type loose struct {
	s          string
	i          int
	noQuotes   bool // no quoted string ends behind this place
	noComments bool // no comment ends behind this place
	inAngle    bool // s is what stands between angle brackets

	word  looseWord
	open  bool        // there is a word
	gap   bool        // white space or a comment precedes
	words []looseWord // of the element, without those that belong to an address
	angle bool        // the element has an address in angle brackets
	items []looseItem
}

// looseWord is text without white space that is not quoted.
type looseWord struct {
	text   []byte
	at     int // the place of the last @ that is not quoted, or -1
	colon  int // the place of the last colon before it that is not quoted, or -1
	quoted bool
}

type looseItem struct {
	kind    looseKind
	address Address // of a phrase, the name alone
}

type looseKind int

const (
	inBrackets looseKind = iota
	bare
	withoutDomain
	phrase
)

// looseAddresses returns what looks like an address in the value of a field.
func looseAddresses(value string) []Address {
	l := &loose{s: unbroken(value)}
	l.run()
	l.endElement()
	return l.result()
}

// unbroken returns a value in one line without NUL.
func unbroken(value string) string {
	if !strings.ContainsAny(value, "\r\n\x00") {
		return value
	}
	return strings.NewReplacer("\r\n ", " ", "\r\n\t", "\t", "\n ", " ", "\n\t", "\t", "\r", " ", "\n", " ", "\x00", " ").Replace(value)
}

func (l *loose) run() {
	for l.i < len(l.s) {
		switch c := l.s[l.i]; {
		case c == '(' && l.comment():
		case c == '"' && l.quoted():
		case c == '<' && l.brackets():
		case isWSP(c) || c == '<' || c == '>': // a bracket without its counterpart
			l.gap = true
			l.i++
		case (c == ',' || c == ';') && !l.inAngle:
			l.endElement()
			l.i++
		default:
			l.plain(c)
			l.i++
		}
	}
	l.endWord()
}

// plain adds a character to the word.
func (l *loose) plain(c byte) {
	l.begin(c)
	w := &l.word
	switch {
	case c == '@':
		w.at = len(w.text)
	case c == ':' && w.at < 0:
		w.colon = len(w.text)
	}
	w.text = append(w.text, c)
}

// begin prepares the word for a character. White space ends a word, but not beside an @.
func (l *loose) begin(c byte) {
	w := &l.word
	if l.open && l.gap && c != '@' && w.at != len(w.text)-1 {
		if l.inAngle {
			w.text = append(w.text, ' ')
		} else {
			l.endWord()
		}
	}
	if !l.open {
		l.open = true
		*w = looseWord{at: -1, colon: -1}
	}
	l.gap = false
}

func (l *loose) endWord() {
	if l.open && !l.inAngle {
		l.words = append(l.words, l.word)
		l.open = false
	}
}

// comment skips a comment if it ends.
func (l *loose) comment() bool {
	depth := 0
	for i := l.i; i < len(l.s) && !l.noComments; i++ {
		switch l.s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			l.i, l.gap = i+1, true
			return true
		}
	}
	l.noComments = true
	return false
}

// quoted adds a quoted string to the word if it ends.
func (l *loose) quoted() bool {
	end := l.quoteEnd(l.i)
	if end < 0 {
		return false
	}
	l.begin('"')
	l.word.quoted = true
	for i := l.i + 1; i < end; i++ {
		if l.s[i] == '\\' {
			i++
		}
		l.word.text = append(l.word.text, l.s[i])
	}
	l.i = end + 1
	return true
}

// quoteEnd returns the place of the quote that ends a quoted string, or -1.
func (l *loose) quoteEnd(from int) int {
	for i := from + 1; i < len(l.s) && !l.noQuotes; i++ {
		switch l.s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	l.noQuotes = true
	return -1
}

// brackets reads what stands in angle brackets if they end before others begin. The
// words before them are the name.
func (l *loose) brackets() bool {
	end := l.bracketsEnd()
	if end < 0 {
		return false
	}
	l.endWord()
	a, ok := looseInner(l.s[l.i+1 : end])
	if ok {
		a.Name = joinWords(l.words)
		l.items = append(l.items, looseItem{inBrackets, a})
		l.angle = true
	}
	l.words = l.words[:0]
	l.i = end + 1
	return true
}

func (l *loose) bracketsEnd() int {
	for i := l.i + 1; i < len(l.s); i++ {
		switch l.s[i] {
		case '>':
			return i
		case '<':
			return -1
		case '"':
			if end := l.quoteEnd(i); end >= 0 {
				i = end
			}
		}
	}
	return -1
}

// looseInner returns the address in angle brackets. It drops a route.
func looseInner(text string) (Address, bool) {
	text = strings.Trim(text, " \t")
	if strings.HasPrefix(text, "@") {
		if _, rest, ok := strings.Cut(text, ":"); ok {
			text = rest
		}
	}
	if rest, ok := cutPrefixFold(text, "mailto:"); ok {
		text = rest
	}
	l := loose{s: text, inAngle: true}
	l.run()
	if !l.open {
		return Address{}, false
	}
	l.word.colon = -1
	if l.word.at < 0 {
		return Address{Local: string(l.word.text)}, len(l.word.text) > 0
	}
	return l.word.address()
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// address returns the address that a word with an @ is.
func (w *looseWord) address() (Address, bool) {
	if w.at < 0 {
		return Address{}, false
	}
	local := w.text[w.colon+1 : w.at]
	domain := looseDomain(string(w.text[w.at+1:]))
	return Address{Local: string(local), Domain: domain}, domain != "" && (len(local) > 0 || w.quoted)
}

// looseDomain returns the domain at the beginning of a text, or "".
func looseDomain(text string) Domain {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		n := 0
		for n < len(inner) && (isAlpha(inner[n]) || isDigit(inner[n]) || strings.IndexByte(".:-", inner[n]) >= 0) {
			n++
		}
		if n < len(inner) && inner[n] == ']' {
			return Domain(text[:n+2])
		}
		return ""
	}
	n := 0
	for n < len(text) && (isAtext(text[n]) || text[n] == '.') {
		n++
	}
	return Domain(text[:n])
}

// endElement ends an element of the list, and keeps the addresses in it.
func (l *loose) endElement() {
	l.endWord()
	found := l.angle
	rest := 0 // the words from here on belong to no address yet
	for i := range l.words {
		if a, ok := l.words[i].address(); ok {
			if !found {
				a.Name = joinWords(l.words[rest:i])
			}
			l.items = append(l.items, looseItem{bare, a})
			found, rest = true, i+1
		}
	}
	if !found && len(l.words) > 0 {
		l.items = append(l.items, l.otherItem())
	}
	l.words, l.angle, l.gap = l.words[:0], false, false
}

// otherItem returns an element without an address: a mailbox without a domain if it is
// one word, or else a phrase.
func (l *loose) otherItem() looseItem {
	w := l.words[0]
	local := w.text[w.colon+1:]
	if len(l.words) > 1 || len(local) == 0 || w.at >= 0 {
		return looseItem{phrase, Address{Name: joinWords(l.words)}}
	}
	return looseItem{withoutDomain, Address{Local: string(local)}}
}

func joinWords(words []looseWord) string {
	var b strings.Builder
	for i := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.Write(words[i].text)
	}
	return b.String()
}

// result returns the addresses. If there is one address in angle brackets and no other
// with an @, the words before it belong to its name.
func (l *loose) result() []Address {
	brackets, others := 0, 0
	for _, item := range l.items {
		switch item.kind {
		case inBrackets:
			brackets++
		case bare:
			others++
		}
	}
	joins := brackets == 1 && others == 0
	var list []Address
	var before []string
	for _, item := range l.items {
		a := item.address
		switch {
		case item.kind == inBrackets && joins:
			if a.Name != "" {
				before = append(before, a.Name)
			}
			a.Name = strings.Join(before, ", ")
			list = append(list, a)
			joins = false
		case joins:
			before = append(before, a.Name+a.Local)
		case item.kind != phrase:
			list = append(list, a)
		}
	}
	return list
}
