package parts

import (
	"bytes"
	"errors"
	"strings"
)

// Handler is told about the parts of a message. Each function may be nil. If one
// returns an error, the walker stops, and Write and Close return the error.
type Handler struct {
	// Begin is called when the header of a part was read, so outer parts come
	// before the parts in them.
	Begin func(p *Part) error
	// Content is given the content of a leaf in pieces, encoded as it is in the
	// message. A piece must not be changed, nor kept after the call.
	Content func(p *Part, piece []byte) error
	// Closing is called when a multipart gets no more parts: its closing delimiter
	// was read, or it ends without one. It is called once, after End of the last
	// part in it.
	Closing func(p *Part) error
	// End is called when a part has ended, after the parts in it.
	End func(p *Part) error
}

// Walker tells the parts of a message while its body is written to it. It is to be used
// as follows, any number of times: Start, AddField for the header, Write for the body,
// Close. It is not safe for concurrent use.
type Walker struct {
	limits  Limits
	handler Handler

	root  Part
	open  []level
	leaf  *Part // the leaf that has begun, or the part whose header is being read
	mode  mode
	count int
	flaws Flaws
	err   error

	at       int64 // the offset of what Write has yet to look at
	lines    headerLines
	held     []byte // the beginning of a line that may be a delimiter
	eol      []byte // the line break before the current line, which may belong to a delimiter
	mid      bool   // the current line has begun, and is no delimiter
	cr       bool   // the last byte of it was a CR
	bareCR   softLine
	children int   // the multiparts that are open
	behind   *Part // a multipart that was closed, if text behind it is a part for some readers
}

// mode is what the walker does with lines.
type mode int

const (
	before  mode = iota // the body has not begun
	header              // collects them
	content             // shows them to the handler
	skip                // skips them: they are before or behind the parts of a multipart
	closed
)

// NewWalker returns a walker that tells h about parts.
func NewWalker(limits Limits, h Handler) *Walker {
	w := &Walker{limits: limits.orDefaults(), handler: h, mode: closed}
	w.lines.limit, w.lines.line = w.limits.Header, w.limits.line()
	return w
}

// Start begins a message. The walker forgets the message before it.
func (w *Walker) Start() {
	fields := w.root.Fields
	clear(fields)
	clear(w.open)
	*w = Walker{
		limits: w.limits, handler: w.handler, open: w.open[:0], lines: w.lines,
		held: w.held[:0], bareCR: softLine{buf: w.bareCR.buf[:0]},
	}
	w.root = Part{Fields: fields[:0]}
	w.lines.release()
	w.lines.reset()
}

// AddField gives the walker a field of the message's header. It ignores all but those
// of MIME. It is to be called in the order of the fields, before Write.
func (w *Walker) AddField(name, value string) {
	name = strings.TrimRight(name, " \t")
	if w.mode == before && isKnown(name) {
		value, _ = unfold(value)
		w.root.Fields = append(w.root.Fields, Field{name, value})
	}
}

// Flaws returns what was found wrong so far, of all parts.
func (w *Walker) Flaws() Flaws { return w.flaws }

// Settled returns the offset up to which all bytes of the body are assigned to parts.
// No offset that the walker tells later, by a part that begins, closes or ends, is
// smaller. It may be called between two calls of Write and after Close. The distance to
// the last byte written is small, unless the header of a part is being read.
func (w *Walker) Settled() int64 {
	switch w.mode {
	case before:
		return 0
	case header:
		return w.leaf.Delimiter
	}
	at := w.at - int64(len(w.held)+len(w.eol))
	if w.mid && w.cr {
		at--
	}
	return at
}

// errClosed is the error of a Write that no Start came before.
var errClosed = errors.New("parts: Write without Start")

// Write takes the next bytes of the body, cut anywhere. Lines end with LF or CRLF. It
// returns the error of the handler, if any.
func (w *Walker) Write(p []byte) (int, error) {
	if w.mode == closed {
		return 0, errClosed
	}
	w.begin()
	rest := p
	for len(rest) > 0 && w.err == nil {
		n := len(rest)
		switch {
		case w.mode == header:
			n -= len(w.headerBytes(rest))
		case w.mid || len(w.held) > 0:
			n -= len(w.resume(rest))
		default:
			n -= len(w.whole(rest))
		}
		w.at += int64(n)
		rest = rest[n:]
	}
	return len(p) - len(rest), w.err
}

// begin tells the message itself.
func (w *Walker) begin() {
	if w.mode != before {
		return
	}
	w.enter(&w.root, w.root.Fields, 0)
}

// Close ends the message: the body is complete. It returns the error of the handler,
// if any.
func (w *Walker) Close() error {
	if w.mode == closed {
		return w.err
	}
	w.begin()
	if w.mode == header && w.err == nil {
		w.headerLine(0)
	}
	w.lastLine()
	w.endHeaders(w.at) // also of a part whose delimiter was the last line
	w.endAbove(-1, w.at, w.at)
	w.mode = closed
	return w.err
}

// headerBytes takes bytes of a header, to the end of a line at most.
func (w *Walker) headerBytes(p []byte) (rest []byte) {
	n := bytes.IndexByte(p, '\n') + 1
	if n == 0 {
		w.lines.add(p)
		return nil
	}
	w.lines.add(p[:n])
	w.headerLine(n)
	return p[n:]
}

// headerLine looks at a line of a header, of which the last n bytes were not counted
// yet.
func (w *Walker) headerLine(n int) {
	line, whole := w.lines.current()
	end := w.at + int64(n)
	begin := end - int64(w.lines.length)
	switch {
	case len(line) == 0: // at the end of the body
	case whole && len(trimEnd(line)) == 0:
		w.lines.drop()
		w.endHeader(end, 0)
	case w.delimiter(line, whole, begin, end):
	default:
		w.lines.next()
	}
}

// endHeader ends the header of the current part, whose content begins at an offset.
func (w *Walker) endHeader(at int64, flaws Flaws) {
	p := w.leaf
	fields, broken := w.lines.fields(flaws&NoBlankLine != 0)
	w.flag(p, flaws|broken)
	w.lines.reset()
	w.enter(p, fields, at)
}

// whole takes bytes that begin with a line, to the first delimiter or to the end. It
// looks at whole lines and leaves the last one to resume.
func (w *Walker) whole(p []byte) (rest []byte) {
	i := 0
	for {
		n := bytes.IndexByte(p[i:], '\n') + 1
		if n == 0 {
			break
		}
		line := p[i : i+n]
		if w.isSpecial(line) && w.special(line, p[:i], w.at+int64(i)) {
			return p[i+n:]
		}
		w.bareCR.line(w, line)
		i += n
	}
	w.showLines(p[:i])
	return p[i:][w.tail(p[i:], int64(i)):]
}

// special looks at a line that may be a delimiter or the beginning of a uuencoded file.
// The lines before it are content. It reports whether it is a delimiter.
func (w *Walker) special(line, lines []byte, at int64) bool {
	to, whole := w.match(line, len(line) <= w.limits.line())
	if !whole {
		w.uuencoded(line)
		return false
	}
	w.showLines(lines)
	w.cross(to, at, at+int64(len(line)))
	return true
}

// tail takes the beginning of a line, i bytes after the current offset.
func (w *Walker) tail(p []byte, i int64) int {
	if len(p) == 0 {
		return 0
	}
	w.at += i
	n := len(p) - len(w.resume(p))
	w.at -= i
	return n
}

// resume takes bytes of a line that is not complete, to the end of it at most.
func (w *Walker) resume(p []byte) (rest []byte) {
	if w.mid {
		return w.midLine(p)
	}
	n := bytes.IndexByte(p, '\n') + 1
	complete := n > 0
	if !complete {
		n = len(p)
	}
	take := min(n, w.limits.line()-len(w.held))
	w.held = append(w.held, p[:take]...)
	line, at := w.held, w.at+int64(take-len(w.held))
	switch {
	case take == n && complete:
		w.held = w.held[:0]
		if w.isSpecial(line) && w.special(line, nil, at) {
			break
		}
		w.bareCR.line(w, line)
		w.showLines(line)
	case len(line) == w.limits.line() || !w.maySpecial(line):
		w.match(line, false)
		w.held, w.mid = w.held[:0], true
		w.showEOL()
		w.midLine(line)
	}
	return p[take:]
}

// midLine shows bytes of a line that is no delimiter, to the end of it at most.
func (w *Walker) midLine(p []byte) (rest []byte) {
	n := bytes.IndexByte(p, '\n')
	if w.cr && n != 0 {
		w.show(crlf[:1])
	}
	if n < 0 {
		w.bareCR.feed(w, p)
		w.cr = p[len(p)-1] == '\r'
		if w.cr {
			p = p[:len(p)-1]
		}
		w.show(p)
		return nil
	}
	w.bareCR.feed(w, p[:n])
	w.bareCR.end(w)
	text := trimEnd(p[:n+1])
	w.show(text)
	w.eol = crlf[1:]
	if w.cr && n == 0 || len(text) < n {
		w.eol = crlf
	}
	w.mid, w.cr = false, false
	return p[n+1:]
}

var crlf = []byte("\r\n")

// lastLine shows what is left at the end of the body.
func (w *Walker) lastLine() {
	line := w.held
	w.held = nil
	switch {
	case w.mid && w.cr:
		w.show(crlf[:1])
	case len(line) > 0 && w.isSpecial(line) && w.special(line, nil, w.at-int64(len(line))):
	case !w.mid:
		w.bareCR.line(w, line)
		w.showEOL()
		w.show(line)
	}
	w.bareCR.end(w)
	w.held = line[:0]
}

// showLines shows lines, which are complete, but for the line break at their end.
func (w *Walker) showLines(lines []byte) {
	if len(lines) == 0 {
		return
	}
	w.showEOL()
	text := trimEnd(lines)
	w.show(text)
	w.eol = crlf[len(crlf)-(len(lines)-len(text)):]
}

// showEOL shows the line break that was held back: it belongs to no delimiter.
func (w *Walker) showEOL() {
	w.show(w.eol)
	w.eol = nil
}

// show gives the handler a piece of content. Text that is skipped passes here, too.
func (w *Walker) show(piece []byte) {
	if w.behind != nil && len(bytes.TrimLeft(piece, " \t\r\n")) > 0 {
		w.flag(w.behind, BoundaryClash)
		w.behind = nil
	}
	if w.mode == content && len(piece) > 0 && w.handler.Content != nil && w.err == nil {
		w.err = w.handler.Content(w.leaf, piece)
	}
}
