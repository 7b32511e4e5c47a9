package banner

import (
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

// Place is where in a text a banner stands.
type Place int

const (
	// Top is before the text. It is the place for a warning: whatever the sender
	// writes comes after it.
	Top Place = iota
	// Bottom is behind the text, before the sender's signature. It is the place for a
	// disclaimer.
	Bottom
)

// Config describes a banner. All texts are in UTF-8, with lines that end with LF or CRLF.
type Config struct {
	// Text is the banner for plain text. It must be given, in lines of at most 240
	// characters.
	Text string
	// HTML is the banner for HTML: a fragment such as <div>…</div>. By default it is
	// made of Text. Characters beyond ASCII are written as references (&#8364;), so
	// that it can be put in HTML of any charset.
	HTML string
	// Fallback is written in place of Text, in ASCII, if the charset of a part has
	// not all characters of Text. Without it such a message is refused with
	// [ErrCharset].
	Fallback string
	// Place is Top by default.
	Place Place
	// KeepHeader forbids changes of the header of a part, and of the message. They
	// are needed if Text has characters beyond ASCII and the part is in US-ASCII or
	// in 7bit. Then it gets Fallback. AddPart needs them, too, if the message is no
	// multipart/mixed. Then the message stays as it is.
	KeepHeader bool
	// AddPart adds the banner as a part to a message without a text to put it in,
	// such as one that is only a picture, which becomes a multipart/mixed. By default
	// the message stays as it is.
	AddPart bool
	// Once is a word in Text, HTML and Fallback, such as an address of a page, that
	// marks the banner. A part that contains it, as a reply to a message with the
	// banner does, does not get the banner again. Any sender can write the word, so
	// it must not be set for a warning. It is in ASCII, without spaces, and is
	// compared with regard to case.
	Once string
}

// Banner adds a text to messages. It is safe for concurrent use.
type Banner struct {
	text     string // lines end with LF, the last has no line end
	html     string // in ASCII
	fallback string
	config   Config
}

// New returns a banner. The error is an [ErrConfig] that says which setting is not valid.
func New(c Config) (*Banner, error) {
	b := &Banner{text: tidy(c.Text), html: tidy(c.HTML), fallback: tidy(c.Fallback), config: c}
	if b.html == "" {
		b.html = "<div>" + strings.ReplaceAll(html.EscapeString(b.text), "\n", "<br>\n") + "</div>"
	}
	b.html = references(b.html)
	return b, b.check()
}

// tidy returns a text in lines without white space at their ends. So no line continues in
// the next (RFC 3676), and none is the separator of a signature.
func tidy(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// references returns HTML with references to the characters beyond ASCII.
func references(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < utf8.RuneSelf {
			_, _ = b.WriteRune(r)
			continue
		}
		_, _ = fmt.Fprintf(&b, "&#%d;", r)
	}
	return b.String()
}

// The length of the longest line: characters of text, of which each has four bytes at
// most, and bytes of HTML. RFC 5322 section 2.1.1 allows 998 bytes.
const (
	longestText = 240
	longestHTML = 990
)

func (b *Banner) check() error {
	for _, c := range []struct {
		name, text string
		longest    int
	}{{"Text", b.text, longestText}, {"HTML", b.html, longestHTML}, {"Fallback", b.fallback, longestText}} {
		if problem := problemOf(c.text, c.longest); problem != "" {
			return fmt.Errorf("%w: %s %s", ErrConfig, c.name, problem)
		}
		if once := b.config.Once; c.text != "" && !strings.Contains(c.text, once) {
			return fmt.Errorf("%w: %s does not contain Once, %q", ErrConfig, c.name, once)
		}
	}
	switch {
	case b.text == "":
		return fmt.Errorf("%w: Text is empty", ErrConfig)
	case !lex.IsASCII(b.fallback):
		return fmt.Errorf("%w: Fallback is not in ASCII", ErrConfig)
	case !lex.IsASCII(b.config.Once) || strings.ContainsAny(b.config.Once, " \t\r\n"):
		return fmt.Errorf("%w: Once is not a word in ASCII", ErrConfig)
	case b.config.Place != Top && b.config.Place != Bottom:
		return fmt.Errorf("%w: Place is %d", ErrConfig, b.config.Place)
	case !isComplete(b.html):
		return fmt.Errorf("%w: HTML ends in a tag, a comment or a raw text", ErrConfig)
	}
	return nil
}

// problemOf says what is wrong with a text, or "".
func problemOf(text string, longest int) string {
	if !utf8.ValidString(text) {
		return "is not valid UTF-8"
	}
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case utf8.RuneCountInString(line) > longest:
			return fmt.Sprintf("has a line of more than %d characters", longest)
		case strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }):
			return "has a control character"
		}
	}
	return ""
}

// isComplete reports whether HTML ends outside of tags, comments and raw text.
func isComplete(text string) bool {
	var h htmlPlace
	for _, c := range []byte(text) {
		h.next(c)
	}
	return h.state == inText
}
