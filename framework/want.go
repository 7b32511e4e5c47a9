package framework

import (
	"iter"
	"slices"
)

// wantSpec is something that a lane wants the framework to keep for it.
type wantSpec struct {
	kind   wantKind
	method string
	where  string
}

type wantKind uint8

const (
	wantEnvelope wantKind = iota
	wantHeaders
	wantRawHeaders
)

func (r *Router) want(kind wantKind, method string) {
	r.open()
	r.lane.wants = append(r.lane.wants, wantSpec{kind, method, caller()})
}

// Envelope gives a message's sender and recipients at its end. It is made with
// [Router.WantEnvelope]. The methods of the zero Envelope, and of one of
// another router, panic, as [Slot.Get] does.
type Envelope struct{ reg *registry }

// WantEnvelope keeps the sender and the accepted recipients of each message.
// It opens the stages Mail and Rcpt, and costs no answer.
func (r *Router) WantEnvelope() Envelope {
	r.want(wantEnvelope, "WantEnvelope")
	return Envelope{r.reg}
}

// Sender returns the envelope's sender without angle brackets, as the filters
// mounted before left it.
func (e Envelope) Sender(s *Session) string {
	s.mustOwn(e.reg, "WantEnvelope")
	if s.edits.sender != "" {
		return string(unbracket([]byte(s.edits.sender)))
	}
	return s.envelope.sender
}

// Recipients returns the recipients that were taken so far, without angle
// brackets, as the filters mounted before left them. The slice is the
// caller's.
func (e Envelope) Recipients(s *Session) []string {
	s.mustOwn(e.reg, "WantEnvelope")
	list := slices.DeleteFunc(slices.Clone(s.envelope.rcpts), func(addr string) bool {
		return slices.ContainsFunc(s.edits.deleted, func(d string) bool { return bareAddr(d) == addr })
	})
	for _, r := range s.edits.added {
		if addr := bareAddr(r.addr); !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	return list
}

func bareAddr(addr string) string { return string(unbracket([]byte(addr))) }

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
	// lines of a folded value are separated by LF.
	Value string
	// Handle changes the field, until the message ends.
	Handle HeaderHandle
}

// All walks through the fields shown so far, top to bottom, as the filters
// mounted before left them.
func (h Headers) All(s *Session) iter.Seq[HeaderField] {
	return func(yield func(HeaderField) bool) {
		s.mustOwn(h.reg, "WantHeaders")
		for id := range s.book.Fields {
			name := s.book.Name(id)
			handle := HeaderHandle{id: id, owner: s, message: s.message, name: name}
			if !yield(HeaderField{name, withLF(s.shownValue(s.book.Value(id))), handle}) {
				return
			}
		}
	}
}

// First returns the topmost field of a name, compared without regard to case,
// and whether there is one.
func (h Headers) First(s *Session, name string) (HeaderField, bool) {
	for f := range h.All(s) {
		if equalFold([]byte(f.Name), name) {
			return f, true
		}
	}
	return HeaderField{}, false
}

// WantRawHeaders has the MTA show what stands after the colon byte by byte,
// the leading space included (SMFIP_HDR_LEADSPC), as DKIM's simple
// canonicalization needs it. See [Header.Raw].
func (r *Router) WantRawHeaders() { r.want(wantRawHeaders, "WantRawHeaders") }
