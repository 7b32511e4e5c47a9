package edit

import (
	"crypto/rand"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/message/parts"
)

// top is the message itself: its header, and what becomes of it.
type top struct {
	part    *parts.Part
	own     []parts.Field // the fields that describe the content, and MIME-Version
	changes []parts.Field // of the header
	moved   []parts.Field // the header of the part that the content becomes
	wrap    string        // the delimiter of the multipart that the message becomes
	header  []byte        // all of it with the empty line, if the editor writes it
	eol     string        // its line ends
	flaws   parts.Flaws   // of the header
}

// addField notes a field that describes the content. Another with a control character or
// in an invalid name is left where it is, unless the content depends on it.
func (t *top) addField(f parts.Field) {
	f.Name = strings.TrimRight(f.Name, " \t")
	needed := ascii.EqualFold(f.Name, contentType) || ascii.EqualFold(f.Name, transferEncoding) || ascii.EqualFold(f.Name, contentDisposition)
	plain := isContentField(f.Name) && message.CheckFieldName(f.Name) == nil && !hasControl(message.Unfold(f.Value))
	if needed || plain || ascii.EqualFold(f.Name, mimeVersion) {
		t.own = append(t.own, f)
	}
}

// change determines the changes of the header that a change of the message needs.
func (t *top) change(p *parts.Part, c *Change) {
	t.part = p
	switch {
	case c.Replace != nil:
		t.replaceContentFields(c.Replace.fields(nil))
	case len(c.Before)+len(c.After) > 0:
		t.wrapContent(p, c)
	case len(c.Fields) > 0:
		t.changes = slices.Clone(c.Fields)
	default:
		return
	}
	if !has(t.own, mimeVersion) && !has(t.changes, mimeVersion) {
		t.changes = append(t.changes, parts.Field{Name: mimeVersion, Value: "1.0"})
	}
}

// replaceContentFields replaces all fields that describe the content.
func (t *top) replaceContentFields(fields []parts.Field) {
	t.changes = slices.Clone(fields)
	for _, f := range t.own {
		if !has(t.changes, f.Name) && !ascii.EqualFold(f.Name, mimeVersion) {
			t.changes = append(t.changes, parts.Field{Name: f.Name})
		}
	}
}

// wrapContent makes the message a multipart.
func (t *top) wrapContent(p *parts.Part, c *Change) {
	boundary := "=_" + rand.Text() // neither base64 nor quoted-printable contains "=_"
	t.wrap = "--" + boundary
	for _, f := range t.own {
		if isContentField(f.Name) && !has(c.Fields, f.Name) {
			t.moved = append(t.moved, f)
		}
	}
	for _, f := range c.Fields {
		if f.Value != "" {
			t.moved = append(t.moved, f)
		}
	}
	fields := []parts.Field{{Name: contentType, Value: `multipart/mixed; boundary="` + boundary + `"`}}
	if p.Encoding == eightBit || p.Encoding == "binary" { // RFC 2045 section 6.4
		fields = append(fields, parts.Field{Name: transferEncoding, Value: p.Encoding})
	}
	t.replaceContentFields(fields)
}

func has(fields []parts.Field, name string) bool {
	return slices.ContainsFunc(fields, func(f parts.Field) bool { return ascii.EqualFold(f.Name, name) })
}

// writeTop writes what comes before the content of the message.
func (e *Editor) writeTop() {
	t := &e.top
	if t.header != nil {
		e.write(t.newHeader(e.Changed(), e.eol))
	}
	c := e.changes[t.part]
	if c == nil {
		return
	}
	for _, n := range c.Before {
		e.write([]byte(t.wrap + e.eol))
		e.writePart(t.part, n, []string{t.wrap})
		e.write([]byte(e.eol))
	}
	if t.wrap != "" {
		text := []byte(t.wrap + e.eol)
		for _, f := range t.moved {
			text = appendField(text, f, e.eol)
		}
		e.write(append(text, e.eol...))
	}
	switch {
	case c.Replace != nil:
		e.writeContent(t.part, c.Replace, nil)
	case c.Transform != nil:
		e.transform(t.part, c)
	}
}

// endTop writes what comes behind the content of the message.
func (e *Editor) endTop() {
	e.pass(e.total())
	c := e.changes[e.top.part]
	if e.top.wrap == "" || c == nil {
		return
	}
	end := e.lastEnd()
	for _, n := range c.After {
		e.write([]byte(end + e.top.wrap + e.eol))
		e.writePart(e.top.part, n, []string{e.top.wrap})
		end = e.eol
	}
	e.write([]byte(end + e.top.wrap + "--" + e.eol))
}
