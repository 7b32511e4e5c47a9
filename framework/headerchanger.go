package framework

import (
	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/wire"
)

// HeaderHandle names one header field of the message under way, whatever
// happens to the fields around it. [Header.Handle], [Headers] and [NthHeader]
// make it.
type HeaderHandle struct {
	id      ledger.ID
	owner   *Session // and its message that the id is of
	message uint64
	name    string
	n       int
}

// NthHeader names the n-th field of a name, counted from 1 at the top, as the
// lane that uses it sees the message at its end.
func NthHeader(name string, n int) HeaderHandle { return HeaderHandle{name: name, n: n} }

// HeaderChanger is the right to change and delete header fields
// (SMFIF_CHGHDRS). It may be used from Mail on; the changes are sent at the end
// of the message, if the message survives.
type HeaderChanger struct{ grant }

// GrantChangeHeader asks for the right to change and delete header fields. The
// header is then shown to the framework where a handler or an earlier filter
// makes that necessary to know which field is meant.
func (r *Router) GrantChangeHeader(opts ...GrantOption) HeaderChanger {
	return HeaderChanger{r.grant("GrantChangeHeader", wire.ActionChgHdrs, opts)}
}

// Change gives a field a new value (smfi_chgheader). It may be folded, as for
// [HeaderAdder.Append]. An empty value is an error, for the MTAs take it as a
// deletion. A value that was shown may hold what cannot be sent back: pass what
// is made of it through [message.CleanHeaderValue].
//
// Where the header is kept ([Router.WantHeaders]), [ErrNoHeader] is how to know
// that the message has no such field, for a filter that would then Append it.
// Where nobody is shown the header, the MTA itself adds a field that it does not
// have.
func (g HeaderChanger) Change(s *Session, h HeaderHandle, value string) error {
	return g.change(s, edit{kind: editChange, handle: h, value: value})
}

// ChangeRaw is Change for a value that begins right after the colon: see
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

// Delete takes a field away.
func (g HeaderChanger) Delete(s *Session, h HeaderHandle) error {
	return g.edit(s, edit{kind: editDelete, handle: h})
}

func (g HeaderChanger) edit(s *Session, e edit) error {
	lane, err := g.queue(s)
	if err != nil {
		return err
	}
	if e.handle, err = lane.resolve(s, e.handle); err != nil {
		return err
	}
	if e.value, err = headerValue(e.handle.name, e.value); err != nil {
		return err
	}
	if e.kind == editDelete {
		lane.doom(e.handle)
	} else if err := s.countEdit(lane); err != nil {
		return err
	}
	lane.edits = append(lane.edits, e)
	return nil
}

// HeaderRenamer is the right to give header fields another name in the same
// place. Since the protocol has no word for it, a field is inserted and the
// old one deleted (SMFIF_ADDHDRS and SMFIF_CHGHDRS).
type HeaderRenamer struct{ grant }

// GrantRenameHeader asks for the right to rename header fields.
func (r *Router) GrantRenameHeader(opts ...GrantOption) HeaderRenamer {
	return HeaderRenamer{r.grant("GrantRenameHeader", wire.ActionAddHdrs|wire.ActionChgHdrs, opts)}
}

// Rename gives a field another name; its value stays. The handle must come
// from a [Header] event or from [Headers].
func (g HeaderRenamer) Rename(s *Session, h HeaderHandle, name string) error {
	lane, err := g.queue(s)
	if err != nil {
		return err
	}
	if h, err = lane.resolve(s, h); err != nil {
		return err
	}
	if h.id == 0 {
		return &ValueError{"header handle", "names a field that nobody was shown; take it from Header or Headers"}
	}
	if _, err := headerValue(name, ""); err != nil {
		return err
	}
	if err := s.countEdit(lane); err != nil {
		return err
	}
	lane.edits = append(lane.edits, edit{kind: editRename, handle: h, name: name})
	return nil
}

// resolve checks a handle as far as that can be done by now: the header is
// complete at the end of the message, and its n-th field of a name known then.
func (l *laneState) resolve(s *Session, h HeaderHandle) (HeaderHandle, error) {
	switch {
	case h.id != 0:
		s.mustHave(theHeader)
		if h.owner != s || h.message != s.message || s.book.Deleted(h.id) {
			return h, ErrNoHeader
		}
	case h.n <= 0 || h.name == "":
		return h, ErrNoHeader
	case s.recorded() && s.phase == StageEndOfMessage:
		h.id, h.owner, h.message = s.book.Nth(h.name, h.n), s, s.message
		if h.id == 0 {
			return h, ErrNoHeader
		}
	}
	if l.deletes(h) {
		return h, ErrNoHeader
	}
	return h, nil
}

// doomed names a field that a lane asked to delete: by its id, or by its name
// and number where it has none.
type doomed struct {
	id   ledger.ID
	name string
	n    int
}

func (h HeaderHandle) doomed() doomed {
	if h.id != 0 {
		return doomed{id: h.id}
	}
	name := []byte(h.name)
	for i, c := range name {
		name[i] = lower(c)
	}
	return doomed{name: string(name), n: h.n}
}

// doom notes where among the lane's edits the next one, a deletion, will be.
func (l *laneState) doom(h HeaderHandle) {
	if l.doomed == nil {
		l.doomed = make(map[doomed]int)
	}
	l.doomed[h.doomed()] = len(l.edits)
}

// deletes reports whether the lane asked already to delete a field. What it
// asked for on trial was noted, and is not among its edits any more.
func (l *laneState) deletes(h HeaderHandle) bool {
	if len(l.doomed) == 0 {
		return false
	}
	i, ok := l.doomed[h.doomed()]
	return ok && i < len(l.edits) && l.edits[i].kind == editDelete && l.edits[i].handle.same(h)
}

// same reports whether two handles of one message are sure to name one field.
func (h HeaderHandle) same(other HeaderHandle) bool {
	if h.id != 0 || other.id != 0 {
		return h.id == other.id
	}
	return h.n == other.n && equalFold([]byte(h.name), other.name)
}
