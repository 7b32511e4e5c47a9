package framework

import "iter"

// Headers gives a message's header at its end. It is made with
// [Router.WantHeaders]. The methods of the zero Headers, and of one of another
// router, panic, as [Slot.Get] does.
type Headers struct{ reg *registry }

// WantHeaders keeps the header of each message, so that it can be looked at as
// a whole at the end of the headers and of the message. It opens the stage
// Header, and costs no answer.
func (r *Router) WantHeaders() Headers {
	r.want(wantHeaders, "WantHeaders")
	return Headers{r.reg}
}

// HeaderField is one field of a kept header. It may be kept.
type HeaderField struct {
	Name string
	// Value is what stands after the colon, without one leading space; the
	// lines of a folded value are separated by LF: removing each LF unfolds
	// it.
	Value string
	// Handle changes the field, until the message ends.
	Handle HeaderHandle
}

// Is reports whether the field is called name, without regard to case.
func (f HeaderField) Is(name string) bool { return equalFold([]byte(f.Name), name) }

// All walks through the fields shown so far, top to bottom, as the filters
// mounted before left them.
func (h Headers) All(s *Session) iter.Seq[HeaderField] {
	return func(yield func(HeaderField) bool) {
		s.mustOwn(h.reg, "WantHeaders")
		s.mustHave(theHeader)
		for id := range s.book.Fields {
			name := s.book.Name(id)
			handle := HeaderHandle{id: id, owner: s, message: s.message, name: name}
			if !yield(HeaderField{name, withLF(s.shownValue(s.book.Value(id))), handle}) {
				return
			}
		}
	}
}

// Named walks through the fields of a name, compared without regard to case. Of
// some, such as Subject, a message must have one at the most; hostile ones have
// more.
func (h Headers) Named(s *Session, name string) iter.Seq[HeaderField] {
	return func(yield func(HeaderField) bool) {
		for f := range h.All(s) {
			if f.Is(name) && !yield(f) {
				return
			}
		}
	}
}

// First returns the topmost field of a name, compared without regard to case,
// and whether there is one.
func (h Headers) First(s *Session, name string) (HeaderField, bool) {
	for f := range h.Named(s, name) {
		return f, true
	}
	return HeaderField{}, false
}

// RawHeaders tells whether values are shown byte by byte. It is made with
// [Router.WantRawHeaders].
type RawHeaders struct{ reg *registry }

// WantRawHeaders has the MTA show what stands after the colon byte by byte,
// the leading space included (SMFIP_HDR_LEADSPC), as DKIM's simple
// canonicalization needs it. See [Header.Raw]. MTAs of protocol version 4 and
// below cannot do it.
func (r *Router) WantRawHeaders() RawHeaders {
	r.want(wantRawHeaders, "WantRawHeaders")
	return RawHeaders{r.reg}
}

// Granted reports whether the MTA of this session does it. Where it does not,
// a value lacks one leading space, if it had any.
func (h RawHeaders) Granted(s *Session) bool {
	s.mustOwn(h.reg, "WantRawHeaders")
	return s.nego.leadSpace
}
