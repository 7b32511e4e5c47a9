package framework

import "iter"

// KeptHeader gives a message's header at its end. It is made with
// [Router.WantHeaders]. The methods of the zero KeptHeader, and of one of another
// router, panic, as [Slot.Get] does.
type KeptHeader struct{ reg *registry }

// WantHeaders keeps the header of each message, so that it can be looked at as
// a whole at the end of the headers and of the message. It opens the stage
// Header, and costs no answer.
func (r *Router) WantHeaders() KeptHeader {
	r.want(wantHeaders, "WantHeaders")
	return KeptHeader{r.reg}
}

// Field is a field of a message's header. It may be retained.
type Field struct {
	// Name is the field's name.
	Name string
	// Value is what follows the colon, without one leading space. The lines
	// of a folded value are separated by LF: removing each LF unfolds it.
	Value string
	// Raw is what follows the colon byte by byte, with the leading space if
	// [Session.RawHeaders] is true.
	Raw string
	// Handle changes the field, until the message ends.
	Handle HeaderHandle
}

// Is reports whether the field is called name, without regard to case.
func (f Field) Is(name string) bool { return equalFold([]byte(f.Name), name) }

// All walks through the fields shown so far, top to bottom, as the filters
// mounted before left them.
func (h KeptHeader) All(s *Session) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		s.mustOwn(h.reg, "WantHeaders")
		s.mustHave(theHeader)
		for id := range s.book.Fields {
			name := s.book.Name(id)
			handle := HeaderHandle{id: id, owner: s, message: s.message, name: name}
			raw := s.book.Value(id)
			if !yield(Field{name, withLF(s.shownValue(raw)), raw, handle}) {
				return
			}
		}
	}
}

// Named walks through the fields of a name, compared without regard to case. Of
// some, such as Subject, a message must have one at the most; hostile ones have
// more.
func (h KeptHeader) Named(s *Session, name string) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for f := range h.All(s) {
			if f.Is(name) && !yield(f) {
				return
			}
		}
	}
}

// First returns the topmost field of a name, compared without regard to case,
// and whether there is one.
func (h KeptHeader) First(s *Session, name string) (Field, bool) {
	for f := range h.Named(s, name) {
		return f, true
	}
	return Field{}, false
}

// WantRawHeaders asks the MTA to send what follows the colon of a header field byte
// by byte, the leading space included (SMFIP_HDR_LEADSPC), as the simple
// canonicalization of DKIM needs it: see [Header.Raw] and [Session.RawHeaders]. An
// MTA of protocol version 4 or below cannot do so.
func (r *Router) WantRawHeaders() { r.want(wantRawHeaders, "WantRawHeaders") }

// RawHeaders reports whether the MTA of this session sends header values byte by
// byte: a filter of this router called [Router.WantRawHeaders], and the MTA can do
// so. Otherwise values lack one leading space, if they had any.
func (s *Session) RawHeaders() bool { return s.nego.leadSpace }
