package framework

import "io"

// KeptMessage returns a whole message: its header, an empty line and its body, at the end
// of the message. [Router.WantMessage] creates one. Like [Slot.Get], the methods panic for
// the zero KeptMessage and for a session of another router.
type KeptMessage struct{ reg *registry }

// WantMessage keeps each message until its end, for a filter that passes the whole
// message on: to a scanner, to an archive, or to a parser. It keeps what
// [Router.WantHeaders] and [Router.WantBody] keep, once, with the same limits, and asks for
// header values byte by byte as [Router.WantRawHeaders] does. The MTA sends the stages
// Header and Body and does not wait for an answer.
func (r *wants) WantMessage() KeptMessage {
	r.in.want(wantMessage, "WantMessage")
	return KeptMessage{r.in.reg}
}

// Reader returns a reader over the message as the filters mounted before left it. Lines,
// including those of folded fields, end in CRLF. Otherwise the bytes are those that the MTA
// has. If [Session.RawHeaders] is false, the MTA does not tell whether a space follows the
// colon of a field: the reader then shows one. The fields that the MTA adds on its own,
// such as its Received, are not part of the message.
// docs/howto/rewrite-a-body-in-a-stream.md lists where the bytes differ from what the
// client sent and from what is delivered.
//
// Reader may be called at the end of the message, any number of times; before that the
// reader is empty, and the server logs a warning once. The reader is valid as long as one
// of [KeptBody.Reader], and may be closed as that one.
func (k KeptMessage) Reader(s *Session) io.ReadCloser {
	s.mustOwn(k.reg, "WantMessage")
	if !k.come(s) {
		return io.NopCloser(io.MultiReader())
	}
	body := &s.message.edits.body
	src := &messageReader{
		header: headerReader{line: s.headerLines()},
		body:   body.reader(&s.content),
	}
	_, size := s.content.book.Size()
	return s.lend("KeptMessage.Reader", src, int64(size)+body.size(&s.content))
}

// headerLines returns a function for a headerReader. Before the end of the message it reads
// the fields as the MTA showed them, so that another goroutine may use it while the session
// edits the header.
func (s *Session) headerLines() func(dst []byte, place int) ([]byte, bool) {
	book, space := &s.content.book, s.nego.wireSpace()
	if s.content.unedited {
		fields := book.Original()
		return func(dst []byte, place int) ([]byte, bool) {
			name, value, ok := fields.At(place)
			if ok {
				dst = appendWire(dst, string(name), space, string(value))
			}
			return dst, ok
		}
	}
	return func(dst []byte, place int) ([]byte, bool) {
		id, ok := book.At(place)
		if id != 0 {
			dst = appendWire(dst, book.Name(id), space, book.Value(id))
		}
		return dst, ok
	}
}

// Size returns the length in bytes of the message that Reader reads. Before the end of
// the message it is 0, and the server logs a warning once.
func (k KeptMessage) Size(s *Session) int64 {
	s.mustOwn(k.reg, "WantMessage")
	if !k.come(s) {
		return 0
	}
	book, size := &s.content.book, int64(len("\r\n"))
	for id := range book.Fields {
		size += wireSize(book.Name(id), s.nego.wireSpace(), book.Value(id))
	}
	return size + s.message.edits.body.size(&s.content)
}

// come reports whether the whole message has come. If not, it logs that a handler reads it
// too early.
func (KeptMessage) come(s *Session) bool {
	s.mustHave(theHeader | theBody)
	if s.message.phase == StageEndOfMessage {
		return true
	}
	readsPart(s, StageEndOfMessage, "KeptMessage", "there is no whole message before the stage end of message: read it there")
	return false
}

// messageReader reads a message: its header, then its body.
type messageReader struct {
	header headerReader
	body   io.Reader
}

// Read implements io.Reader.
func (r *messageReader) Read(p []byte) (int, error) {
	if n := r.header.read(p); n > 0 || len(p) == 0 {
		return n, nil
	}
	return r.body.Read(p)
}

// headerReader reads a header and the empty line below it. It holds one field at a time.
type headerReader struct {
	// line appends the field at a place, or nothing if the field was deleted. It returns
	// false below the last place.
	line  func(dst []byte, place int) ([]byte, bool)
	place int // of the next field
	ended bool
	field []byte
	rest  []byte // of the field
}

// read fills p as far as the header goes. It returns 0 at the header's end.
func (r *headerReader) read(p []byte) (n int) {
	for n < len(p) && r.next() {
		copied := copy(p[n:], r.rest)
		r.rest = r.rest[copied:]
		n += copied
	}
	return n
}

// next makes the next field the rest, if nothing is left of the one before, and reports
// whether there is anything.
func (r *headerReader) next() bool {
	for len(r.rest) == 0 && !r.ended {
		field, ok := r.line(r.field[:0], r.place)
		if !ok {
			r.ended, field = true, append(field, "\r\n"...)
		}
		r.place++
		r.field, r.rest = field, field
	}
	return len(r.rest) > 0
}
