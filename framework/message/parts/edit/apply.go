package edit

import (
	"cmp"
	"io"

	"github.com/sluicemail/sluice/framework/message/parts"
)

// multipart is a multipart that is open.
type multipart struct {
	kept      int  // the parts that are left in it
	removed   bool // a part was removed
	inserted  bool // a part was inserted at the end of the body
	lineStart bool // what was removed went to the end of the body: a line begins there
	added     []*Part
}

// hold is a part that is being removed, replaced or transformed.
type hold struct {
	part   *parts.Part
	output *output // nil if the old content is dropped
}

// begin is called for a part whose header was read.
func (e *Editor) begin(p *parts.Part) error {
	if isSecured(p) {
		if err := e.meet(p); err != nil {
			return err
		}
	}
	if e.held != nil {
		return nil
	}
	if p.IsMultipart() {
		e.open[p] = &multipart{}
	}
	c, err := e.decide(p)
	if err != nil {
		return err
	}
	if in := e.open[p.Parent]; in != nil {
		in.removed = in.removed || c.Remove
		if in.kept += len(c.Before) + len(c.After); !c.Remove {
			in.kept++
		}
	}
	if c.isZero() {
		return nil
	}
	e.changes[p] = &c
	if p.IsMultipart() {
		e.open[p].added = c.Append
	}
	if p.Parent == nil {
		e.top.change(p, &c)
		if c.Replace != nil || c.Transform != nil {
			e.held = &hold{part: p}
		}
		return nil
	}
	e.apply(p, &c)
	return nil
}

// meet notes a part that is signed or encrypted.
func (e *Editor) meet(p *parts.Part) error {
	inner := e.held != nil && e.held.output != nil
	if c := e.changes[p]; c != nil {
		inner = inner || c.isInner()
	}
	if inner && e.guard.allow&InSigned == 0 {
		return partError(p, ErrSigned)
	}
	return e.guard.meet(p)
}

// decide returns what to do with a part, if it is allowed.
func (e *Editor) decide(p *parts.Part) (c Change, err error) {
	if e.config.Decide == nil {
		return c, nil
	}
	if c, err = e.config.Decide(p); err != nil || c.isZero() {
		return c, err
	}
	if err = c.check(p); err != nil {
		return c, partError(p, err)
	}
	if err = e.guard.change(p, &c); err != nil {
		return c, err
	}
	if e.lacksLine(p, &c) {
		return c, partError(p, ErrNoContent)
	}
	if e.cursor > p.Delimiter { // the header is too long, and was written
		return c, partError(p, ErrUnreadable)
	}
	return c, e.guard.flaws(e.Flaws())
}

// lacksLine reports whether text is to be written behind an empty line of which the body
// has only the CR, because it ends there.
func (e *Editor) lacksLine(p *parts.Part, c *Change) bool {
	switch {
	case p.Parent == nil || e.lastByte() == '\n':
		return false
	case c.Replace != nil:
		return p.Parent.IsMessage() && p.Header == e.total()
	}
	return c.isInner() && p.Content == e.total()
}

// apply begins the change of a part of a multipart, or of an attached message.
func (e *Editor) apply(p *parts.Part, c *Change) {
	for _, n := range c.Before {
		e.insert(p.Parent, n, p.Delimiter)
	}
	e.pass(p.Delimiter)
	switch {
	case c.Remove:
		e.held = &hold{part: p}
	case c.Replace != nil:
		e.pass(p.Header)
		if i := p.Header - e.base; p.Header > p.Delimiter && e.raw[i-1] != '\n' { // the body ends with the delimiter
			e.write([]byte(e.eol))
		}
		e.writePart(p, c.Replace, p.Parent.Delimiters())
		e.held = &hold{part: p}
	case len(c.Fields) > 0:
		e.pass(p.Header)
		header := e.raw[p.Header-e.base : p.Content-e.base]
		e.write(rewrite(header, c.Fields, e.eol))
		e.cursor = p.Content
	}
	if c.Transform != nil {
		e.pass(p.Content)
		e.transform(p, c)
	}
}

// transform begins the output that replaces the content of a part.
func (e *Editor) transform(p *parts.Part, c *Change) {
	var around []string
	if !p.IsMultipart() && !p.IsMessage() { // these contain delimiters, and maybe such that begin with an outer one
		around = p.Parent.Delimiters()
	}
	o := &output{editor: e, part: p, open: func(old io.Reader) io.Reader {
		return &clashes{source: c.Transform(old), delimiters: around, atStart: true}
	}}
	e.held = &hold{part: p, output: o}
	e.queue = append(e.queue, item{new: o})
}

// writePart writes the header and content of a part between delimiters. It is written
// beside or in place of another part.
func (e *Editor) writePart(at *parts.Part, n *Part, around []string) {
	var header []byte
	for _, f := range n.fields(around) {
		header = appendField(header, f, e.eol)
	}
	e.write(append(header, e.eol...))
	e.writeContent(at, n, around)
}

// writeContent writes the content of a part.
func (e *Editor) writeContent(at *parts.Part, n *Part, around []string) {
	e.queue = append(e.queue, item{new: &output{editor: e, part: at, open: func(io.Reader) io.Reader {
		return n.open(around, e.eol)
	}}})
}

// insert writes a part into a multipart, before the delimiter at an offset or at the end of
// the body.
func (e *Editor) insert(in *parts.Part, n *Part, at int64) {
	e.pass(at)
	last := at == e.total()
	m := e.open[in]
	if last && !m.lineStart && (at > in.Content || m.inserted) {
		e.write([]byte(e.lastEnd()))
	}
	e.write([]byte("--" + in.Boundary() + e.eol))
	e.writePart(in, n, in.Delimiters())
	if !last {
		e.write([]byte(e.eol))
	}
	m.inserted, m.lineStart = true, false
}

// tail is how the last part ends that ends with the body.
type tail int

const (
	inContent tail = iota
	inHeader       // in the header, which was cut
	noContent      // behind the empty line
)

// lastEnd returns what begins a line at the end of the body. Behind a CR, an LF would make
// one line end of both. An empty line would end a header that was cut.
func (e *Editor) lastEnd() string {
	last, tail := e.lastByte(), e.tail
	e.tail = inContent
	switch {
	case last == '\r' && tail == noContent: // half of the empty line
		return "\n"
	case last == '\r':
		return "\r\n"
	case last == '\n' && tail == inHeader:
		return ""
	}
	return e.eol
}

// lastByte returns the last byte that was read, or 0 if it was written long ago.
func (e *Editor) lastByte() byte {
	if n := len(e.raw); n > 0 {
		return e.raw[n-1]
	}
	return 0
}

// content looks at the content of a leaf.
func (e *Editor) content(p *parts.Part, piece []byte) error {
	if e.armor.find(p, piece) {
		return e.meet(p)
	}
	return nil
}

// closing is called when a multipart gets no more parts.
func (e *Editor) closing(p *parts.Part) error {
	m := e.open[p]
	if e.held != nil || m == nil {
		return nil
	}
	if m.removed && m.kept == 0 && len(m.added) == 0 {
		m.added = []*Part{{Text: cmp.Or(e.config.Empty, "The parts of this message were removed.")}}
	}
	for _, n := range m.added {
		e.insert(p, n, p.Closing)
	}
	if m.lineStart {
		e.write([]byte("--" + p.Boundary() + "--" + e.eol))
	}
	return nil
}

// end is called when a part has ended.
func (e *Editor) end(p *parts.Part) error {
	delete(e.open, p)
	if e.held != nil {
		if e.held.part != p {
			return nil
		}
		e.endHold(p)
		e.tail = inContent
	} else if p.Next == e.total() {
		switch {
		case p.Flaws&parts.NoBlankLine != 0:
			e.tail = inHeader
		case p.Content == p.Next:
			e.tail = noContent
		}
	}
	if c := e.changes[p]; c != nil && p.Parent != nil {
		delete(e.changes, p)
		for _, n := range c.After {
			e.insert(p.Parent, n, p.Next)
		}
	}
	if p.Parent == nil {
		e.endTop()
	}
	return nil
}

// endHold ends the change of a part.
func (e *Editor) endHold(p *parts.Part) {
	e.pass(p.End)
	o := e.held.output
	e.held = nil
	follows := p.Next < e.total()
	separator := ""
	if follows && p.Next == p.End { // the part had no line break before the delimiter
		separator = e.eol
	}
	switch c := e.changes[p]; {
	case o != nil:
		o.before = separator
		e.queue = append(e.queue, item{old: o, end: true})
	case c.Remove:
		e.cursor = p.Next
		if m := e.open[p.Parent]; !follows {
			m.lineStart = true
		}
	default:
		e.write([]byte(separator))
	}
}
