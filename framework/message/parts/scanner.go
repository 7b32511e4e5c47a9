package parts

import (
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

// scanner reads the value of a Content-Type or Content-Disposition: a head and
// parameters (RFC 2045 section 5.1). It goes on behind any fault.
type scanner struct {
	text     string
	comments bool // parentheses are comments
}

// newScanner returns a scanner for a value in one line. Readers that know no comments
// see what is in them.
func newScanner(value string, comments bool) *scanner {
	return &scanner{text: value, comments: comments}
}

// rawParam is a parameter as it was written.
type rawParam struct {
	name   string // in lower case, with the asterisks of RFC 2231
	base   string // without them
	index  int    // of a continuation; -1 if the parameter is none
	star   bool   // the value is in percent encoding
	value  string // without quotes
	quoted bool
	raw    string // as it was written, from the = to the ;
}

// isExtended reports whether the parameter has a form of RFC 2231.
func (r *rawParam) isExtended() bool { return r.star || r.index >= 0 }

// space skips white space and comments.
func (s *scanner) space() {
	for {
		s.text = strings.TrimLeft(s.text, " \t\r\n")
		if !s.comments || !strings.HasPrefix(s.text, "(") {
			return
		}
		n, ends := lex.Comment(s.text)
		if !ends {
			s.comments = false
			return
		}
		s.text = s.text[n:]
	}
}

// wordEnd and nameEnd are the characters that end a word and the name of a parameter.
const (
	wordEnd = "; \t\r\n("
	nameEnd = "=" + wordEnd
)

// until returns the text up to one of the characters, of which the last is the one that
// begins a comment.
func (s *scanner) until(chars string) string {
	if !s.comments {
		chars = chars[:len(chars)-1]
	}
	n := strings.IndexAny(s.text, chars)
	if n < 0 {
		n = len(s.text)
	}
	text := s.text[:n]
	s.text = s.text[n:]
	return text
}

// head returns the word before the parameters. It is empty if the value begins with a
// parameter.
func (s *scanner) head() string {
	s.space()
	all := s.text
	word := s.until(wordEnd)
	if strings.Contains(word, "=") && !strings.HasPrefix(word, "=?") {
		s.text = all
		return ""
	}
	return word
}

// mediaType returns the type in lower case, and whether it is valid.
func (s *scanner) mediaType() (kind string, ok bool) {
	kind = s.head()
	s.space()
	if strings.HasSuffix(kind, "/") || strings.HasPrefix(s.text, "/") { // "text / plain"
		kind += s.until(wordEnd)
		if strings.HasSuffix(kind, "/") {
			s.space()
			kind += s.until(wordEnd)
		}
	}
	main, sub, ok := strings.Cut(kind, "/")
	if !ok || !isToken(main) || !isToken(sub) {
		return plain, false
	}
	return ascii.ToLower(kind), true
}

// isToken reports whether text is a token of RFC 2045.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?=`, r)
	})
}

// parameters returns the parameters that are left.
func (s *scanner) parameters() (list []rawParam) {
	for {
		s.space()
		if trimmed := strings.TrimLeft(s.text, ";,"); trimmed != s.text {
			s.text = trimmed
			continue
		}
		if s.text == "" {
			return list
		}
		if r, ok := s.parameter(); ok {
			list = append(list, r)
		}
	}
}

// parameter returns the next parameter. It is not ok if what is there is none. It takes
// at least one byte.
func (s *scanner) parameter() (r rawParam, ok bool) {
	name := s.until(nameEnd)
	if name == "" && !strings.HasPrefix(s.text, "=") {
		s.text = s.text[1:]
		return r, false
	}
	s.space()
	if !strings.HasPrefix(s.text, "=") {
		return r, false
	}
	s.text = s.text[1:]
	s.space()
	r.name = ascii.ToLower(strings.Trim(name, `"'`))
	r.base, r.index, r.star = splitName(r.name)
	s.value(&r)
	return r, true
}

// value reads the value of a parameter.
func (s *scanner) value(r *rawParam) {
	if !strings.HasPrefix(s.text, `"`) {
		s.unquoted(r)
		return
	}
	n, ends := lex.Quoted(s.text)
	if !ends { // the next parameter ends it
		s.unquoted(r)
		r.value = strings.TrimPrefix(r.value, `"`)
		return
	}
	r.quoted, r.value = true, lex.Unescape(s.text[1:n-1])
	begin := s.text
	s.text = s.text[n:]
	s.untilSemicolon()
	r.raw = strings.Trim(begin[:len(begin)-len(s.text)], " \t\r\n")
}

// untilSemicolon skips the text up to the next semicolon, and returns it.
func (s *scanner) untilSemicolon() string {
	text, _, _ := strings.Cut(s.text, ";")
	s.text = s.text[len(text):]
	return text
}

// unquoted reads a value without quotes. The value is one word, and only comments may
// follow it. If other text follows, a mailer has left out the quotes of a value with
// spaces, so the value ends at the semicolon.
func (s *scanner) unquoted(r *rawParam) {
	all := s.text
	word, _, _ := strings.Cut(all, ";")
	word = firstWord(word)
	s.text = all[len(word):]
	if s.space(); s.text == "" || s.text[0] == ';' {
		r.value, r.raw = word, word
		return
	}
	s.text = all
	r.raw = strings.Trim(s.untilSemicolon(), " \t\r\n")
	r.value = r.raw
}

// firstWord returns text to the first white space or parenthesis.
func firstWord(text string) string {
	if n := strings.IndexAny(text, " \t\r\n("); n > 0 {
		return text[:n]
	}
	return text
}

// readings returns what readers may take for the value: as the standards say, without
// taking backslashes for escapes, with what is behind the quotes, or up to the first
// space.
func (r *rawParam) readings() []string {
	list := []string{r.value}
	add := func(text string) {
		if text != "" && text != r.value {
			list = append(list, text)
		}
	}
	if r.quoted {
		n, _ := lex.Quoted(r.raw)
		inner, behind := r.raw[1:n-1], r.raw[n:]
		add(inner)
		if firstWord(strings.TrimLeft(behind, " \t\r\n")) != "" {
			add(r.value + behind)
		}
		return list
	}
	add(r.raw)
	add(firstWord(r.raw))
	return list
}
