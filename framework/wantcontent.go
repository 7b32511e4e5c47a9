package framework

import (
	"io"
	"iter"
)

// KeptHeader returns a message's header as a whole. [Router.WantHeaders] creates
// one. Like [Slot.Get], the methods panic for the zero KeptHeader and for a session
// of another router.
type KeptHeader struct{ reg *registry }

// WantHeaders keeps the header of each message, so that handlers can look at it as a
// whole at the end of the headers and at the end of the message. The MTA then sends the
// stage Header and does not wait for an answer.
func (r *wants) WantHeaders() KeptHeader {
	r.in.want(wantHeaders, "WantHeaders")
	return KeptHeader{r.in.reg}
}

// All iterates over the fields that the MTA has sent so far, top to bottom, as the
// filters mounted before left them. This filter's own edits are made after its handlers
// have run, so All does not show them. If a handler reads the header before the first
// field came, such as at Mail, there is none, and the server logs a warning once.
func (k KeptHeader) All(s *Session) iter.Seq[Field] { return k.fields(s, "") }

// fields iterates over the fields of a name, or over all if it is "". It creates no strings of
// other fields.
func (k KeptHeader) fields(s *Session, named string) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		s.mustOwn(k.reg, "WantHeaders")
		readsPart(s, StageHeader, "KeptHeader", "there is no header before the stage header: read it at end of headers or later")
		s.mustHave(theHeader)
		book := &s.content.book
		for id := range book.Fields {
			if named != "" && !book.HasName(id, named) {
				continue
			}
			name, raw := book.Name(id), book.Value(id)
			handle := HeaderHandle{id: id, session: s, message: s.message.number, name: name}
			if !yield(Field{name, lfOnly(s.nego.shownValue(raw)), raw, handle, s.originOf(id), s.nego.wireSpace()}) {
				return
			}
		}
	}
}

// Named iterates over the fields of a name, compared without regard to case. Some names,
// such as Subject, may occur only once in a message, but in hostile messages they occur
// more often.
func (k KeptHeader) Named(s *Session, name string) iter.Seq[Field] {
	if name == "" {
		return func(func(Field) bool) {}
	}
	return k.fields(s, name)
}

// First returns the topmost field of a name, compared without regard to case, and
// whether there is one.
func (k KeptHeader) First(s *Session, name string) (Field, bool) {
	for f := range k.Named(s, name) {
		return f, true
	}
	return Field{}, false
}

// WantRawHeaders asks the MTA to send what follows the colon of a header field byte by
// byte, with the leading space (SMFIP_HDR_LEADSPC), as the simple canonicalization of
// DKIM needs it: see [Header.Raw] and [Session.RawHeaders]. An MTA of protocol version 4
// or below cannot do so.
func (r *wants) WantRawHeaders() { r.in.want(wantRawHeaders, "WantRawHeaders") }

// KeptBody returns a message's body as a whole, at the end of the message.
// [Router.WantBody] creates one. Like [Slot.Get], the methods panic for the zero
// KeptBody and for a session of another router.
type KeptBody struct{ reg *registry }

// WantBody keeps the body of each message until its end: in memory up to
// Config.SpoolMemory, in a temporary file beyond that, and at most Config.MaxSpool
// bytes. A message with a larger body is refused with 552, and one whose body finds no
// room on the disk with 452: see Config.DiskBudget. A filter mounted with [FailOpen] is
// left out of such a message instead. The MTA sends the stage Body and does not wait for
// an answer.
//
// A filter that can process the body chunk by chunk should use [Router.ObserveBody],
// which keeps nothing.
func (r *wants) WantBody() KeptBody {
	r.in.want(wantBody, "WantBody")
	return KeptBody{r.in.reg}
}

// Reader returns a reader over the body as the filters mounted before left it, with
// lines ended by CRLF. It may be called at the end of the message, any number of times;
// before that the reader is empty, and the server logs a warning once.
//
// The reader is valid until the filter's handlers for the end of the message have run. A
// reader that was taken in [Router.BeforeEndOfMessage] is valid until the message ends, and
// keeps showing the message as the MTA sent it, so that a function of [Async] may read it.
// If the filter passes it to [BodyReplacer.ReplaceFrom], directly or inside a reader of its
// own, it is valid until the framework has read the new body, whatever the other filters
// do. After that, Read returns an error and no bytes, and the server logs a warning once,
// which package miltertest reports; a reader of BeforeEndOfMessage returns
// [ErrMessageOver], and nothing is logged. The reader may be used by one goroutine at a time.
//
// Nothing leaks if the reader is not closed. A filter that passes it to code that may read in
// another goroutine, such as [net/http.Client.Do], closes it before the handler returns: Close
// waits for a Read that runs, and after it Read returns an error, of which nothing is logged.
// Close may be called by any goroutine. Do not close a reader from which
// [BodyReplacer.ReplaceFrom] is to read.
func (k KeptBody) Reader(s *Session) io.ReadCloser {
	s.mustOwn(k.reg, "WantBody")
	if s.message.phase != StageEndOfMessage {
		k.early(s)
		return io.NopCloser(io.MultiReader())
	}
	s.mustHave(theBody)
	body := &s.message.edits.body
	return s.lend("KeptBody.Reader", body.reader(&s.content), body.size(&s.content))
}

// early logs that the body is read too early.
func (KeptBody) early(s *Session) {
	readsPart(s, StageEndOfMessage, "KeptBody", "there is no body before the stage end of message: read it there, or each chunk in ObserveBody")
}

// Size returns the length in bytes of the body that Reader reads. Before the end of
// the message it is 0, and the server logs a warning once.
func (k KeptBody) Size(s *Session) int64 {
	s.mustOwn(k.reg, "WantBody")
	s.mustHave(theBody)
	if s.message.phase != StageEndOfMessage {
		k.early(s)
		return 0
	}
	return s.message.edits.body.size(&s.content)
}

// lend returns a reader over a part of the message that is valid until its loan ends. call
// names the method that hands it out.
func (s *Session) lend(call string, src io.Reader, size int64) io.ReadCloser {
	c := &s.content
	if c.unedited {
		l := &loan{early: true}
		c.early = append(c.early, l)
		return &lentReader{loan: l, call: call, src: src, size: size}
	}
	if c.loan == nil {
		c.loan = &loan{shared: s.shared, filter: journal{s}.running(), peer: s.log.peer}
	}
	return &lentReader{loan: c.loan, call: call, src: src, size: size}
}
