package framework

import "github.com/sluicemail/sluice/wire"

// HeaderAdder is the right to add header fields (SMFIF_ADDHDRS). It may be
// used from Mail on; what it adds is sent at the end of the message, if the
// message survives.
type HeaderAdder struct{ grant }

// GrantAddHeader asks for the right to add header fields.
func (r *Router) GrantAddHeader(opts ...GrantOption) HeaderAdder {
	return HeaderAdder{r.grant("GrantAddHeader", wire.ActionAddHdrs, opts)}
}

// Append adds a field at the bottom of the header (smfi_addheader). The value
// may be folded: lines are separated by LF or CRLF, and every further one begins
// with a space or a tab. It holds no NUL and no CR alone, and at most 64,100
// bytes; else the error is a [*ValueError]. See [message.CleanHeaderValue].
func (g HeaderAdder) Append(s *Session, name, value string) error {
	return g.add(s, edit{kind: editAppend, name: name, value: value})
}

// AppendRaw is Append for a value that begins right after the colon, as
// [Header.Raw] shows it: the space that others begin with is its own. Where
// [Router.WantRawHeaders] is not granted or not asked for, the MTA puts one space
// there, whether or not the value begins with one.
func (g HeaderAdder) AppendRaw(s *Session, name, raw string) error {
	return g.add(s, edit{kind: editAppend, name: name, value: raw, raw: true})
}

// Insert adds a field with the given number of fields over it
// (smfi_insheader), counted as this lane sees the message, with what it edited
// before and without the MTA's own Received: 0 is at the top, as RFC 8601 wants
// it for Authentication-Results. Fields that
// [HeaderAdder.Prepend] added are not counted. After 5,000 insertions, changes and
// new names in one message, the error is [ErrTooManyEdits].
func (g HeaderAdder) Insert(s *Session, above int, name, value string) error {
	return g.insert(s, edit{kind: editInsert, above: above, name: name, value: value})
}

// InsertRaw is Insert for a value that begins right after the colon: see
// [HeaderAdder.AppendRaw].
func (g HeaderAdder) InsertRaw(s *Session, above int, name, raw string) error {
	return g.insert(s, edit{kind: editInsert, above: above, name: name, value: raw, raw: true})
}

// Prepend adds a field above everything, the MTA's own Received field included
// (smfi_insheader).
func (g HeaderAdder) Prepend(s *Session, name, value string) error {
	return g.add(s, edit{kind: editInsert, above: atTop, name: name, value: value})
}

// PrependRaw is Prepend for a value that begins right after the colon: see
// [HeaderAdder.AppendRaw].
func (g HeaderAdder) PrependRaw(s *Session, name, raw string) error {
	return g.add(s, edit{kind: editInsert, above: atTop, name: name, value: raw, raw: true})
}

// atTop is the position of a field that Prepend adds.
const atTop = -1

func (g HeaderAdder) insert(s *Session, e edit) error {
	if e.above < 0 {
		return &ValueError{"header position", "is negative"}
	}
	return g.add(s, e)
}

func (g HeaderAdder) add(s *Session, e edit) error {
	lane, err := g.queue(s)
	if err != nil {
		return err
	}
	if e.value, err = headerValue(e.name, e.value); err != nil {
		return err
	}
	if e.kind == editInsert {
		if err := s.countEdit(lane); err != nil {
			return err
		}
	}
	lane.edits = append(lane.edits, e)
	return nil
}
