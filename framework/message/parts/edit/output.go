package edit

import (
	"errors"
	"io"

	"github.com/sluicemail/sluice/framework/message/parts"
)

// item is what is to be written next: text, or what an output reads.
type item struct {
	text []byte
	old  *output // the output whose old content text is
	end  bool    // the old content ends
	new  *output // begins here
}

// output is content that is written in place of another, or beside it.
type output struct {
	editor *Editor
	part   *parts.Part // that is changed, or beside which another is written
	open   func(old io.Reader) io.Reader
	reader io.Reader
	length int64
	done   bool   // all is written
	before string // is written behind the content, unless it is empty
}

func (o *output) read(p []byte) (int, error) {
	if o.reader == nil {
		o.reader = o.open(oldContent{o})
	}
	n, err := o.reader.Read(p)
	o.length += int64(n)
	return n, err
}

// finishOutput ends the current output, at its end or with an error.
func (e *Editor) finishOutput(err error) {
	o := e.current
	if e.failed || o == nil {
		return
	}
	o.done, e.current = true, nil
	switch {
	case errors.Is(err, io.EOF):
	case errors.Is(err, ErrBoundary):
		e.fail(partError(o.part, ErrBoundary))
	default:
		e.fail(err)
	}
}

// take writes of the next item, and skips old content that no output has read.
func (e *Editor) take(p []byte) int {
	it := &e.queue[e.next]
	switch {
	case it.new != nil:
		e.current = it.new
	case it.end && it.old.length > 0:
		*it = item{text: []byte(it.old.before)}
		return 0
	case it.old == nil && len(it.text) > 0:
		n := copy(p, it.text)
		it.text = it.text[n:]
		return n
	}
	e.next++
	return 0
}

// oldContent reads the content of a part that is transformed.
type oldContent struct{ output *output }

// Read reads from the queue, and from the source if the queue is empty.
func (r oldContent) Read(p []byte) (int, error) {
	o, e := r.output, r.output.editor
	for !o.done && len(p) > 0 {
		switch {
		case e.failed:
			return 0, e.err
		case e.next < len(e.queue):
			it := &e.queue[e.next]
			if it.end {
				return 0, io.EOF
			}
			n := copy(p, it.text)
			if it.text = it.text[n:]; len(it.text) == 0 {
				e.next++
			}
			if n > 0 {
				return n, nil
			}
		case e.err != nil:
			return 0, unexpected(e.err)
		default:
			e.fill()
		}
	}
	if o.done {
		return 0, io.EOF
	}
	return 0, nil
}

// unexpected returns the error of content whose source has ended before it.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// write queues text.
func (e *Editor) write(text []byte) {
	if len(text) > 0 {
		e.queue = append(e.queue, item{text: text})
	}
}

// pass writes the body up to an offset as it is, or drops it, or gives it to the output
// that replaces it.
func (e *Editor) pass(to int64) {
	text := e.raw[e.cursor-e.base : to-e.base]
	e.cursor = to
	switch {
	case len(text) == 0:
	case e.held == nil:
		e.write(text)
	case e.held.output != nil:
		e.queue = append(e.queue, item{text: text, old: e.held.output})
	}
}
