package edit

import (
	"bytes"
	"io"

	"github.com/sluicemail/sluice/framework/message/parts"
)

// Config says what an [Editor] does.
type Config struct {
	// Decide returns what to do with a part. It is called once for each part when its
	// header was read, outer parts before the parts in them, but not for the parts in
	// one that is removed, replaced or transformed. For the message itself [New] calls
	// it. The Part may be kept; it is complete when the part has ended. Decide is at
	// most some kilobytes ahead of what Read returns. An error ends the editing.
	Decide func(p *parts.Part) (Change, error)
	// Allow are changes that are otherwise refused.
	Allow Allow
	// Empty is the text of the part that the editor writes if a multipart has no part
	// left. It is "The parts of this message were removed." by default.
	Empty string
	// Limits are those of the walker.
	Limits parts.Limits
}

// Editor is an io.Reader of an edited body or message. It reads the source once, as far as
// it is read itself, and starts no goroutine. After an error, Read returns the same
// error again. It is not safe for concurrent use.
type Editor struct {
	config Config
	source io.Reader
	walker *parts.Walker
	guard  guard
	armor  armor
	err    error // of the source, or of the editing
	failed bool  // err is of the editing

	raw    []byte // the bytes of the body from an offset on
	base   int64
	cursor int64 // the offset up to which the body was written or dropped
	fed    int64 // the offset up to which the walker was given the body
	eol    string
	begun  bool
	tail   tail

	queue   []item
	next    int
	current *output // what Read reads from

	open    map[*parts.Part]*multipart
	changes map[*parts.Part]*Change // of the parts that have not ended
	held    *hold                   // the part that is being removed, replaced or transformed
	top     top
}

// New returns an editor of a body. The header is that of the message, in its order; only
// the fields of MIME matter. New calls Decide for the message itself, and returns its
// error or why the change is refused. It does not read the body.
func New(body io.Reader, header []parts.Field, c Config) (*Editor, error) {
	return newEditor(body, header, c, top{})
}

func newEditor(body io.Reader, header []parts.Field, c Config, t top) (*Editor, error) {
	e := &Editor{
		config: c, source: body, guard: guard{allow: c.Allow}, top: t, eol: t.eol,
		open: make(map[*parts.Part]*multipart), changes: make(map[*parts.Part]*Change),
	}
	e.walker = parts.NewWalker(c.Limits, parts.Handler{
		Begin: e.begin, Content: e.content, Closing: e.closing, End: e.end,
	})
	e.walker.Start()
	for _, f := range header {
		e.walker.AddField(f.Name, f.Value)
		e.top.addField(f)
	}
	if _, err := e.walker.Write(nil); err != nil { // begins the message
		return nil, err
	}
	return e, nil
}

// Header returns the changes of the message's own header that the edited body needs. They
// are known from the beginning. A field is to replace all fields of its name; with an empty
// value they are to be deleted. They belong to the body that this editor writes: a message
// that becomes a multipart gets a random boundary, and another editor writes another one.
// The fields of a message that [NewMessage] reads are changed by the editor.
func (e *Editor) Header() []parts.Field { return e.top.changes }

// Changed reports whether the editor has changed a part so far.
func (e *Editor) Changed() bool { return e.guard.edited != [areas]*parts.Part{} }

// Flaws returns what was found wrong so far, of all parts.
func (e *Editor) Flaws() parts.Flaws { return e.walker.Flaws() | e.top.flaws }

// Read reads the edited body, or the edited message of [NewMessage]. It returns the error
// of the source, of Decide, of a Transform or of a Part's Reader, and a [*PartError] if a
// change is refused. What was read before an error must not be used.
func (e *Editor) Read(p []byte) (int, error) {
	for empty := 0; len(p) > 0; {
		switch {
		case e.failed:
			return 0, e.err
		case e.current != nil:
			n, err := e.current.read(p)
			if err != nil {
				e.finishOutput(err)
			}
			if n > 0 {
				return n, nil
			}
			if empty++; empty > maxEmptyReads {
				e.fail(io.ErrNoProgress)
			}
		case e.next < len(e.queue):
			if n := e.take(p); n > 0 {
				return n, nil
			}
		case e.err != nil:
			return 0, e.err
		default:
			e.fill()
		}
	}
	return 0, nil
}

// maxEmptyReads is the number of reads in a row that may return nothing.
const maxEmptyReads = 100

// fail ends the editing.
func (e *Editor) fail(err error) {
	e.err, e.failed = err, true
	e.queue, e.next, e.current = nil, 0, nil
}

// readSize is the number of bytes that the editor asks the source for.
const readSize = 16 << 10

// fill reads more of the source, when all that was queued is written.
func (e *Editor) fill() {
	e.queue, e.next = e.queue[:0], 0
	e.makeRoom()
	n, err := e.source.Read(e.raw[len(e.raw):cap(e.raw)])
	e.raw = e.raw[:len(e.raw)+n]
	if !e.begun && !e.start(err != nil) {
		return
	}
	chunk := e.raw[e.fed-e.base:]
	e.fed = e.total()
	_, failure := e.walker.Write(chunk)
	if err == io.EOF && failure == nil {
		failure = e.walker.Close()
	}
	if failure == nil {
		failure = e.guard.flaws(e.Flaws())
	}
	if failure != nil {
		e.fail(failure)
		return
	}
	e.settle()
	e.err = err
}

// makeRoom makes room for the next bytes behind those that are yet to be written.
func (e *Editor) makeRoom() {
	if cap(e.raw)-len(e.raw) >= readSize/4 && e.raw != nil {
		return
	}
	rest := e.raw[e.cursor-e.base:]
	buf := e.raw
	if cap(buf) < len(rest)+readSize {
		buf = make([]byte, 0, 2*len(rest)+readSize)
	}
	e.raw = append(buf[:0], rest...)
	e.base = e.cursor
}

// start begins the output when the first line end was read, so that the editor writes
// such line ends, or when there is none near. It reports whether it has begun.
func (e *Editor) start(ended bool) bool {
	const near = 1000
	n := bytes.IndexByte(e.raw, '\n')
	if e.eol == "" {
		if n < 0 && !ended && len(e.raw) < near {
			return false
		}
		e.eol = "\r\n"
		if n == 0 || n > 0 && e.raw[n-1] != '\r' {
			e.eol = "\n"
		}
	}
	e.begun = true
	e.writeTop()
	return true
}

// total returns the offset of the end of what was read.
func (e *Editor) total() int64 { return e.base + int64(len(e.raw)) }

// settle writes what cannot change any more.
func (e *Editor) settle() {
	at := e.walker.Settled()
	if limit := e.holdLimit(); e.total()-at > limit {
		at = e.total() // the header is too long, and its part cannot be changed
	}
	e.pass(max(at, e.cursor))
}

// holdLimit returns the number of bytes of a header that are held back. A longer header
// has the flaw HeaderTooLong.
func (e *Editor) holdLimit() int64 {
	const lines = 4 << 10
	header, boundary := e.config.Limits.Header, e.config.Limits.Boundary
	if header == 0 {
		header = 64 << 10
	}
	return int64(header + 2*boundary + lines)
}
