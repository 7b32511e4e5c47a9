package banner

import (
	"bytes"
	"io"

	"github.com/sluicemail/sluice/framework/message/internal/charset"
	"github.com/sluicemail/sluice/framework/message/parts"
	"github.com/sluicemail/sluice/framework/message/parts/edit"
)

// inserter returns an inserter for a part.
func (b *Banner) inserter(p *parts.Part, r rendering) *inserter {
	i := &inserter{
		banner:  r,
		top:     b.config.Place == Top,
		marker:  newMarker(b.config.Once),
		lineEnd: p.Parent == nil,
	}
	i.shift.on = charset.HasShifts(p.Param("charset"))
	i.form, i.units = formOf(p)
	switch {
	case r.html:
		i.place = &htmlPlace{top: i.top, shifts: i.shift.on}
	case i.top:
		i.place = topOfText{}
	default:
		i.place = &bottomOfText{}
	}
	return i
}

// encode returns content in the encoding that the banner needs.
func (r *rendering) encode(content io.Reader) io.Reader {
	if r.requote {
		return edit.Encode("quoted-printable", content)
	}
	return content
}

// transform reads a source through an inserter.
type transform struct {
	source   io.Reader
	part     *parts.Part
	inserter *inserter
	buf      bytes.Buffer
	chunk    []byte
	err      error
}

// chunkSize is how much of the content is read at once.
const chunkSize = 8 << 10

func (t *transform) Read(p []byte) (int, error) {
	for t.buf.Len() == 0 && len(p) > 0 {
		if t.err != nil {
			return 0, t.err
		}
		t.fill()
	}
	return t.buf.Read(p)
}

func (t *transform) fill() {
	if t.chunk == nil {
		t.chunk = make([]byte, chunkSize)
		t.inserter.out = &t.buf
	}
	n, err := t.source.Read(t.chunk)
	_, failure := t.inserter.Write(t.chunk[:n])
	if failure == nil && err == io.EOF {
		failure = t.inserter.Close()
	}
	if t.err = err; failure != nil {
		t.err = partError(t.part, failure)
	}
}

// lineEnds reads a body and looks at how its lines end.
type lineEnds struct {
	source io.Reader
	last   byte
	bareCR bool
	bareLF bool // the first line ends with LF, without CR
	known  bool
}

func (l *lineEnds) Read(p []byte) (int, error) {
	n, err := l.source.Read(p)
	for _, c := range p[:n] {
		l.next(c)
	}
	if err == io.EOF && l.last == '\r' {
		l.bareCR = true
	}
	return n, err
}

func (l *lineEnds) next(c byte) {
	if c == '\n' && !l.known {
		l.bareLF, l.known = l.last != '\r', true
	}
	if l.last == '\r' && c != '\n' {
		l.bareCR = true
	}
	l.last = c
}
