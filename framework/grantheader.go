package framework

import (
	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/wire"
)

// HeaderAdder is the right to add header fields at the top and at the bottom of the
// header (SMFIF_ADDHDRS). It may be used from Mail on. What it adds is sent at the end of
// the message, unless the message is refused.
type HeaderAdder struct{ grant }

// GrantAddHeader asks for the right to add header fields at the top and at the bottom.
// For other places, see [Router.GrantInsertHeader].
func (r *grants) GrantAddHeader(opts ...GrantOption) HeaderAdder {
	return HeaderAdder{r.in.grant("GrantAddHeader", wire.ActionAddHdrs, 0, opts)}
}

// Append adds a field at the bottom of the header (smfi_addheader). The value may be
// folded: lines are separated by LF or CRLF, and every line but the first begins with a
// space or a tab. The error is a [*ValueError] for a value that a field cannot have: see
// [message.FieldValueProblem] and [message.CleanFieldValue].
func (g HeaderAdder) Append(s *Session, name, value string) error {
	return g.add(s, edit{kind: editAppend, name: name, value: value})
}

// AppendRaw is like Append for a value that begins right after the colon, as
// [Header.Raw] shows it. If [Session.RawHeaders] is false, the MTA puts one space before
// the value, whether or not the value begins with one.
func (g HeaderAdder) AppendRaw(s *Session, name, raw string) error {
	return g.add(s, edit{kind: editAppend, name: name, value: raw, raw: true})
}

// InsertTop adds a field at the top of the header, below the Received field that the MTA
// itself added (smfi_insheader). RFC 8601 requires Authentication-Results there. A second
// field goes above the first one. After 5,000 insertions, changes and renames in one
// message the error is [ErrTooManyEdits].
func (g HeaderAdder) InsertTop(s *Session, name, value string) error {
	return g.add(s, edit{kind: editInsert, place: placeTop, name: name, value: value})
}

// Prepend adds a field above all others, including the MTA's own Received
// (smfi_insheader).
func (g HeaderAdder) Prepend(s *Session, name, value string) error {
	return g.add(s, edit{kind: editInsert, place: placePrepend, name: name, value: value})
}

// PrependRaw is like Prepend for a value that begins right after the colon: see
// [HeaderAdder.AppendRaw].
func (g HeaderAdder) PrependRaw(s *Session, name, raw string) error {
	return g.add(s, edit{kind: editInsert, place: placePrepend, name: name, value: raw, raw: true})
}

func (g HeaderAdder) add(s *Session, e edit) error {
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	return lane.requestField(s, e)
}

// requestField adds a new field to what the lane asked for.
func (l *laneState) requestField(s *Session, e edit) (err error) {
	if e.value, err = checkHeader(e.name, e.value); err != nil {
		return err
	}
	if e.kind == editInsert {
		if err := s.message.edits.countPlaced(l); err != nil {
			return err
		}
	}
	return l.request(s, e)
}

// HeaderInserter is the right to add header fields at any place (SMFIF_ADDHDRS), with the
// methods of [HeaderAdder] and more.
type HeaderInserter struct{ HeaderAdder }

// GrantInsertHeader asks for the right to add header fields at any place. To know the
// place, the framework keeps the header: the MTA sends the stage Header and does not wait
// for an answer.
func (r *grants) GrantInsertHeader(opts ...GrantOption) HeaderInserter {
	return HeaderInserter{HeaderAdder{r.in.grant("GrantInsertHeader", wire.ActionAddHdrs, theHeader, opts)}}
}

// InsertAbove adds a field directly above another one (smfi_insheader). Several fields
// above the same one stand in the order of the calls. The place of a field that was deleted
// is where it was. The error is [ErrNoHeader] for a field that the message does not have:
// see [HeaderChanger.Change].
func (g HeaderInserter) InsertAbove(s *Session, h HeaderHandle, name, value string) error {
	return g.insertBeside(s, edit{kind: editInsert, place: placeAbove, handle: h, name: name, value: value})
}

// InsertBelow adds a field directly below another one, otherwise like
// [HeaderInserter.InsertAbove]. Several fields below the same one stand in the order of the
// filter's calls.
func (g HeaderInserter) InsertBelow(s *Session, h HeaderHandle, name, value string) error {
	return g.insertBeside(s, edit{kind: editInsert, place: placeBelow, handle: h, name: name, value: value})
}

// Insert adds a field below the given number of fields (smfi_insheader). It counts the
// fields that [KeptHeader.All] iterates over, with this filter's earlier edits made:
// All itself does not show them. Neither contains the MTA's own Received. If the header
// has fewer fields, the new one goes to the bottom.
func (g HeaderInserter) Insert(s *Session, above int, name, value string) error {
	return g.insert(s, edit{kind: editInsert, place: placeCounted, above: above, name: name, value: value})
}

// InsertRaw is like Insert for a value that begins right after the colon: see
// [HeaderAdder.AppendRaw].
func (g HeaderInserter) InsertRaw(s *Session, above int, name, raw string) error {
	return g.insert(s, edit{kind: editInsert, place: placeCounted, above: above, name: name, value: raw, raw: true})
}

func (g HeaderInserter) insert(s *Session, e edit) error {
	if e.above < 0 {
		return &ValueError{"header position", "is negative"}
	}
	return g.add(s, e)
}

func (g HeaderInserter) insertBeside(s *Session, e edit) error {
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	if e.handle, err = e.handle.resolve(s); err != nil {
		return err
	}
	if e.handle.absent(s) {
		return ErrNoHeader
	}
	return lane.requestField(s, e)
}

// HeaderChanger is the right to change and delete header fields (SMFIF_CHGHDRS). It may
// be used from Mail on; the changes are sent at the end of the message, unless the message
// is refused.
type HeaderChanger struct{ grant }

// GrantChangeHeader asks for the right to change and delete header fields. To know which
// field is meant, the framework keeps the header: the MTA sends the stage Header and does
// not wait for an answer.
func (r *grants) GrantChangeHeader(opts ...GrantOption) HeaderChanger {
	return HeaderChanger{r.in.grant("GrantChangeHeader", wire.ActionChgHdrs, theHeader, opts)}
}

// Change gives a field a new value (smfi_chgheader). It may be folded, as for
// [HeaderAdder.Append]. An empty value is an error, because MTAs take it as a deletion. A
// value from the mail may contain bytes that cannot be sent back: see
// [message.CleanFieldValue].
//
// The error for a field that the message does not have, or no longer has, is
// [ErrNoHeader], so that a filter can Append it. Before the end of the message, only that of
// a deleted field is known. If [NthHeader] names a field that turns out not to be there, the
// filter fails at the end of the message with that error.
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
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	if e.handle, err = e.handle.resolve(s); err != nil {
		return err
	}
	if e.value, err = checkHeader(e.handle.name, e.value); err != nil {
		return err
	}
	if e.handle.absent(s) || e.handle.deleted(s, lane) {
		return ErrNoHeader
	}
	if err := s.message.edits.countPlaced(lane); err != nil {
		return err
	}
	return lane.request(s, e)
}

// Delete deletes a field (smfi_chgheader). It does nothing if the message does not have the
// field, or if a filter has deleted it. The error is [ErrNoHeader] for a handle of another
// message, and for a handle that can name no field.
func (g HeaderChanger) Delete(s *Session, h HeaderHandle) error {
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	if h, err = h.resolve(s); err != nil {
		return err
	}
	if h.absent(s) || h.deleted(s, lane) {
		return nil
	}
	lane.markDeleted(h, len(lane.edits))
	return lane.request(s, edit{kind: editDelete, handle: h})
}

// HeaderRenamer is the right to rename header fields in place. The protocol cannot rename,
// so a field is inserted and the old one deleted (SMFIF_ADDHDRS and SMFIF_CHGHDRS).
type HeaderRenamer struct{ grant }

// GrantRenameHeader asks for the right to rename header fields. The framework keeps the
// header, as for [Router.GrantChangeHeader].
func (r *grants) GrantRenameHeader(opts ...GrantOption) HeaderRenamer {
	return HeaderRenamer{r.in.grant("GrantRenameHeader", wire.ActionAddHdrs|wire.ActionChgHdrs, theHeader, opts)}
}

// Rename gives a field another name and leaves its value. If no space follows the colon,
// Rename adds one. A value that cannot be sent back is cleaned as by
// [message.CleanFieldValue], unless it is too long. The errors are those of [HeaderChanger.Change].
func (g HeaderRenamer) Rename(s *Session, h HeaderHandle, name string) error {
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	if h, err = h.resolve(s); err != nil {
		return err
	}
	if _, err := checkHeader(name, ""); err != nil {
		return err
	}
	if h.absent(s) || h.deleted(s, lane) {
		return ErrNoHeader
	}
	if h.id != 0 {
		if value := s.content.book.Value(h.id); len(value) > message.MaxFieldValue {
			return &ValueError{"header value", message.FieldValueProblem(value)}
		}
	}
	if err := s.message.edits.countPlaced(lane); err != nil {
		return err
	}
	return lane.request(s, edit{kind: editRename, handle: h, name: name})
}

// resolve checks that a handle can name a field of the message. At the end of the message,
// when the header is complete, it also finds the n-th field of a name.
func (h HeaderHandle) resolve(s *Session) (HeaderHandle, error) {
	switch {
	case h.id != 0:
		s.mustHave(theHeader)
		if h.session != s || h.message != s.message.number {
			return h, errOtherMessage
		}
	case h.n <= 0 || h.name == "":
		return h, ErrNoHeader
	case !ascii.ValidHeaderName(h.name):
		return h, errHeaderName()
	case s.message.phase == StageEndOfMessage:
		h.id, h.session, h.message = s.content.book.Nth(h.name, h.n), s, s.message.number
	}
	return h, nil
}

// absent reports whether the message certainly has no field that a resolved handle means.
func (h HeaderHandle) absent(s *Session) bool {
	return h.id == 0 && s.message.phase == StageEndOfMessage
}

// deleted reports whether an earlier lane deleted the field of a resolved handle, or this
// lane has asked for that.
func (h HeaderHandle) deleted(s *Session, lane *laneState) bool {
	if s.message.phase == StageEndOfMessage {
		lane.resolveHandles(&s.content.book)
	}
	return h.id != 0 && s.content.book.Deleted(h.id) || lane.deletes(h, len(lane.edits))
}

// checkHeader checks a field's name and value and returns the value as it is sent: with
// lines separated by LF.
func checkHeader(name, value string) (string, error) {
	if len(name) == 0 || len(name) > message.MaxFieldName {
		return "", &ValueError{"header name", "is empty or longer than 900 bytes"}
	}
	if !ascii.ValidHeaderName(name) {
		return "", errHeaderName()
	}
	if problem := message.FieldValueProblem(value); problem != "" {
		return "", &ValueError{"header value", problem}
	}
	return lfOnly(value), nil
}

func errHeaderName() error {
	return &ValueError{"header name", "contains a byte that no header name can have"}
}
