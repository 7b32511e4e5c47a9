package framework

import (
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/wire"
)

// HeaderAdder is the right to add header fields (SMFIF_ADDHDRS). It may be used from Mail
// on. What it adds is sent at the end of the message, unless the message is refused.
type HeaderAdder struct{ grant }

// GrantAddHeader asks for the right to add header fields.
func (r *grants) GrantAddHeader(opts ...GrantOption) HeaderAdder {
	return HeaderAdder{r.in.grant("GrantAddHeader", wire.ActionAddHdrs, opts)}
}

// Append adds a field at the bottom of the header (smfi_addheader). The value may be
// folded: lines are separated by LF or CRLF, and every line but the first begins with a
// space or a tab. It must not contain NUL, nor CR without LF, nor more than 64,100 bytes;
// otherwise the error is a [*ValueError]. See [message.CleanHeaderValue].
func (g HeaderAdder) Append(s *Session, name, value string) error {
	return g.add(s, edit{kind: editAppend, name: name, value: value})
}

// AppendRaw is like Append for a value that begins right after the colon, as
// [Header.Raw] shows it. If [Session.RawHeaders] is false, the MTA puts one space before
// the value, whether or not the value begins with one.
func (g HeaderAdder) AppendRaw(s *Session, name, raw string) error {
	return g.add(s, edit{kind: editAppend, name: name, value: raw, raw: true})
}

// Insert adds a field below the given number of fields (smfi_insheader). It counts the
// fields that this filter sees, including its own earlier edits, but neither the MTA's
// own Received nor fields that [HeaderAdder.Prepend] added. 0 is at the top, where RFC
// 8601 requires Authentication-Results. After 5,000 insertions, changes and renames in
// one message the error is [ErrTooManyEdits].
func (g HeaderAdder) Insert(s *Session, above int, name, value string) error {
	return g.insert(s, edit{kind: editInsert, above: above, name: name, value: value})
}

// InsertRaw is like Insert for a value that begins right after the colon: see
// [HeaderAdder.AppendRaw].
func (g HeaderAdder) InsertRaw(s *Session, above int, name, raw string) error {
	return g.insert(s, edit{kind: editInsert, above: above, name: name, value: raw, raw: true})
}

// Prepend adds a field above all others, including the MTA's own Received
// (smfi_insheader).
func (g HeaderAdder) Prepend(s *Session, name, value string) error {
	return g.add(s, edit{kind: editInsert, above: atTop, name: name, value: value})
}

// PrependRaw is like Prepend for a value that begins right after the colon: see
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
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	if e.value, err = checkHeader(e.name, e.value); err != nil {
		return err
	}
	if e.kind == editInsert {
		if err := s.message.edits.countPlaced(lane); err != nil {
			return err
		}
	}
	lane.edits = append(lane.edits, e)
	return nil
}

// HeaderChanger is the right to change and delete header fields (SMFIF_CHGHDRS). It may
// be used from Mail on; the changes are sent at the end of the message, unless the message
// is refused.
type HeaderChanger struct{ grant }

// GrantChangeHeader asks for the right to change and delete header fields. To know which
// field is meant, the framework then keeps the header if a handler looks at it or an
// earlier filter edits it.
func (r *grants) GrantChangeHeader(opts ...GrantOption) HeaderChanger {
	return HeaderChanger{r.in.grant("GrantChangeHeader", wire.ActionChgHdrs, opts)}
}

// Change gives a field a new value (smfi_chgheader). It may be folded, as for
// [HeaderAdder.Append]. An empty value is an error, because MTAs take it as a deletion. A
// value from the mail may contain bytes that cannot be sent back: see
// [message.CleanHeaderValue].
//
// If the header is kept ([Router.WantHeaders]), the error for a field that the message
// does not have is [ErrNoHeader], so that a filter can Append it. If no filter looks at
// the header, the MTA adds the field if the message does not have it.
func (g HeaderChanger) Change(s *Session, h HeaderHandle, value string) error {
	return g.change(s, edit{kind: editChange, handle: h, value: value})
}

// ChangeRaw is like Change for a value that begins right after the colon: see
// [HeaderAdder.AppendRaw].
func (g HeaderChanger) ChangeRaw(s *Session, h HeaderHandle, raw string) error {
	return g.change(s, edit{kind: editChange, handle: h, value: raw, raw: true})
}

func (g HeaderChanger) change(s *Session, e edit) error {
	if e.value == "" {
		return &ValueError{"header value", "is empty; use Delete"}
	}
	return g.edit(s, e)
}

// Delete deletes a field.
func (g HeaderChanger) Delete(s *Session, h HeaderHandle) error {
	return g.edit(s, edit{kind: editDelete, handle: h})
}

func (g HeaderChanger) edit(s *Session, e edit) error {
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	if e.handle, err = e.handle.resolve(s, lane); err != nil {
		return err
	}
	if e.value, err = checkHeader(e.handle.name, e.value); err != nil {
		return err
	}
	if e.kind == editDelete {
		lane.markDeleted(e.handle)
	} else if err := s.message.edits.countPlaced(lane); err != nil {
		return err
	}
	lane.edits = append(lane.edits, e)
	return nil
}

// HeaderRenamer is the right to rename header fields in place. The protocol cannot rename,
// so a field is inserted and the old one deleted (SMFIF_ADDHDRS and SMFIF_CHGHDRS).
type HeaderRenamer struct{ grant }

// GrantRenameHeader asks for the right to rename header fields.
func (r *grants) GrantRenameHeader(opts ...GrantOption) HeaderRenamer {
	return HeaderRenamer{r.in.grant("GrantRenameHeader", wire.ActionAddHdrs|wire.ActionChgHdrs, opts)}
}

// Rename gives a field another name and leaves its value. The handle must come from a
// [Header] event or from [KeptHeader].
func (g HeaderRenamer) Rename(s *Session, h HeaderHandle, name string) error {
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	if h, err = h.resolve(s, lane); err != nil {
		return err
	}
	if h.id == 0 {
		return &ValueError{"header handle", "names a field that no filter has seen; take the handle from Header or KeptHeader"}
	}
	if _, err := checkHeader(name, ""); err != nil {
		return err
	}
	if err := s.message.edits.countPlaced(lane); err != nil {
		return err
	}
	lane.edits = append(lane.edits, edit{kind: editRename, handle: h, name: name})
	return nil
}

// resolve checks a handle as far as the header is known. At the end of the message, when
// the header is complete, it also finds the n-th field of a name.
func (h HeaderHandle) resolve(s *Session, lane *laneState) (HeaderHandle, error) {
	book := &s.content.book
	switch {
	case h.id != 0:
		s.mustHave(theHeader)
		if h.session != s || h.message != s.message.number || book.Deleted(h.id) {
			return h, ErrNoHeader
		}
	case h.n <= 0 || h.name == "":
		return h, ErrNoHeader
	case s.content.recorded() && s.message.phase == StageEndOfMessage:
		h.id, h.session, h.message = book.Nth(h.name, h.n), s, s.message.number
		if h.id == 0 {
			return h, ErrNoHeader
		}
	}
	if lane.deletes(h) {
		return h, ErrNoHeader
	}
	return h, nil
}

// checkHeader checks a field's name and value and returns the value as it is sent: with
// lines separated by LF.
func checkHeader(name, value string) (string, error) {
	if len(name) == 0 || len(name) > message.MaxHeaderName {
		return "", &ValueError{"header name", "is empty or longer than 900 bytes"}
	}
	if !ascii.ValidHeaderName(name) {
		return "", &ValueError{"header name", "contains a byte that no header name can have"}
	}
	if len(value) > message.MaxHeaderValue {
		return "", &ValueError{"header value", "is longer than 64100 bytes"}
	}
	if !strings.ContainsAny(value, "\r\n\x00") {
		return value, nil
	}
	value = strings.ReplaceAll(value, "\r\n", "\n")
	if strings.ContainsAny(value, "\r\x00") {
		return "", &ValueError{"header value", "contains NUL, or CR without LF"}
	}
	for _, line := range strings.Split(value, "\n")[1:] {
		if line == "" || line[0] != ' ' && line[0] != '\t' {
			return "", &ValueError{"header value", "has a line that does not begin with a space or a tab"}
		}
	}
	return value, nil
}
