package parts

import "io"

// Reader tells the parts of a message whose body can be read. It is a [Walker] that
// asks for the body itself. It is not safe for concurrent use.
type Reader struct {
	walker *Walker
	source io.Reader
	chunk  []byte
	text   []byte // the content of the events
	events []event
	next   int
	part   *Part // the one whose content Read returns
	err    error
}

// event is a part that begins, if from is -1, or a piece of the content of a part.
type event struct {
	part     *Part
	from, to int
}

// NewReader returns a reader for a body, and the header of its message.
func NewReader(body io.Reader, fields []Field, limits Limits) *Reader {
	r := &Reader{source: body, chunk: make([]byte, 32<<10)}
	r.walker = NewWalker(limits, Handler{
		Begin: func(p *Part) error {
			r.events = append(r.events, event{p, -1, 0})
			return nil
		},
		Content: func(p *Part, piece []byte) error {
			from := len(r.text)
			r.text = append(r.text, piece...)
			r.events = append(r.events, event{p, from, len(r.text)})
			return nil
		},
	})
	r.walker.Start()
	for _, f := range fields {
		r.walker.AddField(f.Name, f.Value)
	}
	return r
}

// Next returns the next part; outer parts come before the parts in them. It skips what
// is left of the content of the one before. After the last part it returns io.EOF, and
// all parts and their flaws are complete. It returns the error of the body's reader, if
// any.
func (r *Reader) Next() (*Part, error) {
	for {
		for r.next < len(r.events) {
			e := r.events[r.next]
			r.next++
			if e.from < 0 {
				r.part = e.part
				return e.part, nil
			}
		}
		if !r.fill() {
			return nil, r.err
		}
	}
}

// Read reads the content of the part that Next has returned, encoded as it is in the
// message. It returns io.EOF at its end. Multiparts and messages have no content.
func (r *Reader) Read(p []byte) (int, error) {
	for r.next == len(r.events) {
		if !r.fill() {
			return 0, r.err
		}
	}
	e := &r.events[r.next]
	if e.from < 0 || e.part != r.part {
		return 0, io.EOF
	}
	n := copy(p, r.text[e.from:e.to])
	if e.from += n; e.from == e.to {
		r.next++
	}
	return n, nil
}

// Flaws returns what was found wrong so far, of all parts.
func (r *Reader) Flaws() Flaws { return r.walker.Flaws() }

// fill reads more of the body, and reports whether there was more.
func (r *Reader) fill() bool {
	if r.err != nil {
		return false
	}
	r.events, r.text, r.next = r.events[:0], r.text[:0], 0
	n, err := r.source.Read(r.chunk)
	_, _ = r.walker.Write(r.chunk[:n]) // the handler returns no error
	if err != nil {
		r.err = err
		if err == io.EOF {
			_ = r.walker.Close()
		}
	}
	return true
}
