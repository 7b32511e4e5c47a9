package framework

import (
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/wire"
)

// Header is the event of [StageHeader]: one field of the message's header. Its
// methods create strings only when they are called.
type Header struct {
	msg     wire.Header
	id      ledger.ID
	session *Session
	raw     rawField
	view    HeaderView
	viewed  viewedField
}

// rawField holds the strings that were created from the event so far.
type rawField struct {
	name, value       string
	hasName, hasValue bool
}

// viewedField holds the name and value that the view has returned so far.
type viewedField struct {
	rawField
	problem error
}

// reset prepares the event for another field. It clears no strings, because it runs for
// every field: the flags tell which ones are valid.
func (e *Header) reset(id ledger.ID) {
	e.id = id
	e.raw.hasName, e.raw.hasValue = false, false
	if e.view != nil {
		e.SetView(nil)
	}
}

// Is reports whether the field has the name, without regard to case. It does not
// allocate, so a handler should call it before Name or Value.
func (e *Header) Is(name string) bool { return ascii.EqualFold(e.msg.Name, name) }

// Name returns the field's name as the message spells it, or as a view shows it.
func (e *Header) Name() string {
	if e.view == nil {
		return e.RawName()
	}
	if !e.viewed.hasName {
		e.viewed.name, e.viewed.hasName = e.view.Name(e.RawName()), true
	}
	return e.viewed.name
}

// RawName returns the field's name as the message spells it.
func (e *Header) RawName() string {
	if !e.raw.hasName {
		e.raw.name, e.raw.hasName = string(e.msg.Name), true
	}
	return e.raw.name
}

// Value returns what follows the colon, without one leading space. The lines of a
// folded value are separated by LF: removing each LF unfolds the value. If
// middleware has set a view, Value returns the view's value.
func (e *Header) Value() string {
	if e.view == nil {
		return e.plainValue()
	}
	if !e.viewed.hasValue {
		e.viewed.hasValue = true
		e.viewed.value, e.viewed.problem = e.view.Value(e.plainValue())
	}
	return e.viewed.value
}

func (e *Header) plainValue() string { return lfOnly(e.session.nego.shownValue(e.Raw())) }

// Raw returns what follows the colon byte by byte, with the leading space if
// [Session.RawHeaders] is true.
func (e *Header) Raw() string {
	if !e.raw.hasValue {
		e.raw.value, e.raw.hasValue = string(e.msg.Value), true
	}
	return e.raw.value
}

// Handle returns a handle with which a grant changes, renames or deletes this
// field. The handle is valid until the message ends.
func (e *Header) Handle() HeaderHandle {
	return HeaderHandle{id: e.id, session: e.session, message: e.session.message.number, name: e.RawName()}
}

// Field returns the field as [KeptHeader] does, with the name and the value that a
// view shows. It may be retained.
func (e *Header) Field() Field {
	return Field{e.Name(), e.Value(), e.Raw(), e.Handle(), e.Origin(), e.session.nego.wireSpace()}
}

// AppendWire appends the field as it stands in the message: see [Field.AppendWire]. A view
// does not change what it appends.
func (e *Header) AppendWire(dst []byte) []byte {
	return appendWire(dst, e.RawName(), e.session.nego.wireSpace(), e.Raw())
}

// Origin says whether the field came with the mail or which earlier filter of the router
// wrote it. Handlers see the fields of earlier filters if the framework replays the header
// to them: see [Router.Mount].
func (e *Header) Origin() Origin { return e.session.originOf(e.id) }

// Stage implements [Event].
func (*Header) Stage() Stage { return StageHeader }
func (*Header) sealed()      {}

// Field is a field of a message's header. It may be retained.
type Field struct {
	// Name is the field's name.
	Name string
	// Value is what follows the colon, without one leading space. The lines of a
	// folded value are separated by LF: removing each LF unfolds the value.
	Value string
	// Raw is what follows the colon byte by byte, with the leading space if
	// [Session.RawHeaders] is true.
	Raw string
	// Handle identifies the field when a grant changes it. It is valid until
	// the message ends.
	Handle HeaderHandle
	// Origin says whether the field came with the mail or which earlier filter of the
	// router wrote it.
	Origin Origin

	space string // between the colon and Raw, in the message
}

// Is reports whether the field has the name, without regard to case.
func (f Field) Is(name string) bool { return ascii.EqualFold(f.Name, name) }

// AppendWire appends the field to dst as it stands in the message, and returns the result:
// the name as the message spells it, a colon, [Field.Raw] and CRLF. Folded lines end in
// CRLF, too. If [Session.RawHeaders] is false, the MTA has removed one space after the
// colon if there was one: AppendWire then writes one space.
//
//	for f := range headers.All(s) {
//		buf = f.AppendWire(buf[:0])
//		_, err := w.Write(buf)
//		…
//	}
func (f Field) AppendWire(dst []byte) []byte {
	name := f.Name
	if f.Handle.name != "" {
		name = f.Handle.name // without a view
	}
	return appendWire(dst, name, f.space, f.Raw)
}

// Origin says where a header field and its value come from. The zero value means that both
// came with the mail: from the client, from the MTA, or from another milter in the MTA's
// list. A filter's own edits are made after its handlers have run, so Filter never names
// the filter that asks.
type Origin struct {
	// Filter is the name of the earlier filter of the same router that gave the field its
	// value: the last one that added or changed it. It is "" if the value came with the
	// mail. The handlers of the router itself are the filter "main".
	Filter string
	// Changed means that the field came with the mail, and that Filter gave it another
	// value. The sender may have written a part of that value.
	Changed bool
}

// Added reports whether an earlier filter of the same router added the field. A field that
// came with the mail is not added, even if a filter has changed or renamed it: a filter that
// changes fields in general, such as one that folds long lines, must not turn what the
// sender wrote into its own.
func (o Origin) Added() bool { return o.Filter != "" && !o.Changed }

// originOf returns the origin of a field as the lanes so far left it.
func (s *Session) originOf(id ledger.ID) Origin {
	if id == 0 || !s.content.recorded() {
		return Origin{}
	}
	book := &s.content.book
	writer := book.Writer(id)
	if writer == 0 {
		return Origin{}
	}
	_, shown := book.Shown(id)
	return Origin{Filter: s.plan.lanes[writer-1].name, Changed: shown}
}

// HeaderHandle identifies one header field of a message, whatever happens to the
// fields around it. [Header.Handle], [Field] and [NthHeader] give handles. A handle
// is valid until the message ends.
type HeaderHandle struct {
	id      ledger.ID // of a field of this message of the session
	session *Session
	message uint64
	name    string
	n       int
}

// NthHeader returns a handle for the n-th field of a name, counted from 1 at the
// top. It counts the fields that the filter sees at the end of the message.
func NthHeader(name string, n int) HeaderHandle { return HeaderHandle{name: name, n: n} }

// describe names the field in error texts.
func (h *HeaderHandle) describe() string {
	if h.n == 0 {
		return h.name
	}
	return fmt.Sprintf("number %d of %s", h.n, h.name)
}

// same reports whether two handles of one message certainly identify the same field.
func (h HeaderHandle) same(other HeaderHandle) bool {
	if h.id != 0 || other.id != 0 {
		return h.id == other.id
	}
	return h.n == other.n && ascii.EqualFold(h.name, other.name)
}

// HeaderView shows header fields in another form, for instance unfolded and decoded.
// Middleware sets it for the handlers that it wraps; it changes nothing in the mail.
// See [Header.SetView].
//
// Each method is called when a handler asks for the name or the value, at most
// once for each event.
type HeaderView interface {
	// Name returns the name to show for the name that the message has.
	Name(raw string) string
	// Value returns the value to show for the value that [Header.Value] returns
	// without a view. If the value can only be shown in part, Value returns that
	// part and an error, which [Header.Problem] returns.
	Value(raw string) (string, error)
}

// SetView sets the view that Name and Value use in the handlers that are called
// from now on. Nil removes the view. RawName and Raw are not affected.
func (e *Header) SetView(v HeaderView) { e.view, e.viewed = v, viewedField{} }

// View returns the view that is set, or nil.
func (e *Header) View() HeaderView { return e.view }

// Problem returns the reason why the view cannot show the whole value, such as
// an unknown charset. It returns nil if there is none.
func (e *Header) Problem() error {
	_ = e.Value()
	return e.viewed.problem
}

// lfOnly converts the line ends of a value to LF. MTAs separate the lines of a
// value by LF or by CRLF.
func lfOnly(value string) string {
	if strings.IndexByte(value, '\r') < 0 {
		return value
	}
	return strings.ReplaceAll(value, "\r\n", "\n")
}

// appendWire appends a field as it stands in the message. MTAs separate the lines of a
// value by LF or by CRLF.
func appendWire(dst []byte, name, space, raw string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':')
	dst = append(dst, space...)
	for {
		line, rest, folded := strings.Cut(raw, "\n")
		if folded {
			line = strings.TrimSuffix(line, "\r")
		}
		dst = append(dst, line...)
		dst = append(dst, "\r\n"...)
		if !folded {
			return dst
		}
		raw = rest
	}
}

// wireSize returns the length of what appendWire appends.
func wireSize(name, space, raw string) int64 {
	n := len(name) + len(":") + len(space) + len(raw) + len("\r\n")
	return int64(n + strings.Count(raw, "\n") - strings.Count(raw, "\r\n"))
}
