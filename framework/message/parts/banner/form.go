package banner

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"

	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

// form writes the text of a banner in the encoding of a part.
type form interface {
	// insert writes a text, whose lines end with LF, and the unit that it is in or
	// before.
	insert(i *inserter, s *spot, unit []byte, text string)
	// endsLine reports whether a banner at the end of the text gets a line end.
	endsLine(i *inserter) bool
	// isCut reports whether a unit at the end of the content has to be encoded anew, so
	// that more can follow.
	isCut(u unit) bool
}

// formOf returns the form and the splitter of a part.
func formOf(p *parts.Part) (form, splitter) {
	switch p.Encoding {
	case "quoted-printable":
		return quotedForm{}, &quotedUnits{}
	case "base64":
		return base64Form{}, &base64Units{}
	}
	return plainForm{p.Parent.Delimiters()}, &plainUnits{}
}

// plainForm is that of 7bit, 8bit and binary. Before a line that would be a delimiter it
// writes a space.
type plainForm struct{ delimiters []string }

func (f plainForm) insert(i *inserter, s *spot, unit []byte, text string) {
	for line := range strings.Lines(text) {
		for _, d := range f.delimiters {
			if strings.HasPrefix(line, d) {
				line = " " + line
			}
		}
		i.emit([]byte(strings.ReplaceAll(line, "\n", i.eol())))
	}
	i.indent(s)
	i.emit(unit)
}

func (plainForm) endsLine(i *inserter) bool { return i.endsRaw() }
func (plainForm) isCut(unit) bool           { return false }

// endsRaw reports whether the encoded content ends with a line end.
func (i *inserter) endsRaw() bool { return i.last == '\n' || i.last == 0 && i.lineEnd }

// quotedForm is quoted-printable.
type quotedForm struct{}

func (quotedForm) insert(i *inserter, s *spot, unit []byte, text string) {
	if i.soft {
		i.emit([]byte(i.eol()))
	}
	encoded, _ := io.ReadAll(edit.Encode("quoted-printable", strings.NewReader(text))) // a string has no errors
	i.emit(bytes.ReplaceAll(encoded, []byte("\r\n"), []byte(i.eol())))
	i.indent(s)
	i.emit(unit)
}

// indent writes a space before the rest of a line of HTML. It would begin a line
// otherwise, and might be a delimiter there.
func (i *inserter) indent(s *spot) {
	if s.mid && s.size > 0 {
		i.emit([]byte(" "))
	}
}

func (quotedForm) endsLine(i *inserter) bool { return i.endsRaw() }
func (quotedForm) isCut(unit) bool           { return false }

// base64Form is base64. No line of it can be a delimiter.
type base64Form struct{}

// lineOf64 is how many bytes of text make a line of 76 characters.
const lineOf64 = 57

func (base64Form) insert(i *inserter, s *spot, unit []byte, text string) {
	begin := max(bytes.IndexAny(unit, alphabet64), 0)
	end := bytes.LastIndexAny(unit, alphabet64) + 1
	i.emit(unit[:begin])
	if s.mid && begin == 0 || begin > 0 && unit[begin-1] != '\n' {
		i.owed = true
	}
	all := append([]byte(nil), s.text[:s.cut]...)
	all = append(all, i.padded(text, len(s.text) == 3)...)
	all = append(all, s.text[s.cut:]...)
	for len(all) > 0 {
		n := min(len(all), lineOf64)
		i.emit(base64.StdEncoding.AppendEncode(nil, all[:n]))
		i.owed = true
		all = all[n:]
	}
	if len(unit) == 0 && i.endsRaw() {
		i.emit([]byte(i.eol()))
	}
	i.emit(unit[end:])
}

func (base64Form) endsLine(i *inserter) bool { return i.text.last == '\n' || !i.text.any && i.lineEnd }

func (base64Form) isCut(u unit) bool { return bytes.ContainsAny(u.raw, alphabet64) }

// padded returns a text with the line ends of the part. If more text follows, it adds line
// ends, which make blank lines, until its length is a multiple of three: then the groups
// behind it stay as they are.
func (i *inserter) padded(text string, more bool) string {
	eol := "\r\n"
	if i.text.bareLF {
		eol = "\n"
	}
	text = strings.ReplaceAll(text, "\n", eol)
	for more && len(text)%3 != 0 {
		text += eol
	}
	return text
}
