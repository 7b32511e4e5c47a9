package framework

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/sluicemail/sluice/wire"
)

// edit is one modification as a handler requested it. The kind determines which fields
// are used.
type edit struct {
	kind   editKind
	handle HeaderHandle
	above  int
	name   string // or an address
	value  string // or ESMTP arguments, or a reason
	raw    bool   // the value begins right after the colon
	body   []byte
	reader io.Reader // of the new body
}

type editKind uint8

const (
	editAppend editKind = iota
	editInsert
	editChange
	editDelete
	editRename
	editAddRcpt
	editAddRcptPar
	editDelRcpt
	editSender
	editBody
	editQuarantine
	numEditKinds
)

// String returns the libmilter name of the modification.
func (k editKind) String() string {
	return [...]string{
		"addheader", "insheader", "chgheader", "delheader", "renheader",
		"addrcpt", "addrcpt_par", "delrcpt", "chgfrom", "replacebody", "quarantine",
	}[k]
}

// edits holds the modifications of a message by all filters so far, except
// modifications of the header, which the ledger holds.
type edits struct {
	sender     string
	senderArgs string
	added      []addedRcpt
	deleted    []string
	quarantine string
	body       bodySource
	placed     int               // insertions, changes and renames of fields that were asked for
	counts     [numEditKinds]int // of what was applied
}

type addedRcpt struct {
	addr, args string
	par        bool // by SMFIR_ADDRCPT_PAR
}

// maxPlaced is the maximum number of insertions, changes and renames of header fields
// in one message. Each of them makes Postfix seek in its queue file. Postfix accepts a
// message with more than 10,000 seeks from the client, but cannot read it afterwards
// and moves it to the queue "corrupt". maxPlaced is half of that number, so that the
// other half is left to other milters.
const maxPlaced = 5000

// countPlaced counts an edit that makes Postfix seek. Appending and deleting a field do
// not make it seek.
func (e *edits) countPlaced(lane *laneState) error {
	if lane.plan.policy.dryRun {
		return nil
	}
	if e.placed >= maxPlaced {
		return ErrTooManyEdits
	}
	e.placed++
	return nil
}

// apply applies a modification, so that the later lanes see it.
func (e *edits) apply(ed *edit, content *content, nego *negotiated) {
	e.counts[ed.kind]++
	switch ed.kind {
	case editAppend:
		content.book.Append(ed.name, nego.sentValue(ed))
	case editInsert:
		content.book.Insert(ed.above, ed.name, nego.sentValue(ed))
	case editChange, editDelete, editRename:
		ed.applyToField(content, nego)
	case editAddRcpt, editAddRcptPar:
		e.added = append(e.added, addedRcpt{ed.name, ed.value, ed.kind == editAddRcptPar})
	case editDelRcpt:
		e.deleteRcpt(ed.name)
	case editSender:
		e.sender, e.senderArgs = ed.name, ed.value
	case editQuarantine:
		e.quarantine = ed.value
	case editBody, numEditKinds: // the body was replaced before
	}
}

// applyToField applies an edit of an existing field.
func (ed *edit) applyToField(content *content, nego *negotiated) {
	book := &content.book
	switch h := ed.handle; {
	case h.id == 0 && content.recorded(): // a deletion of a field that is not there
	case h.id == 0 && ed.kind == editChange:
		book.ChangeBlind(h.name, h.n, nego.sentValue(ed))
	case h.id == 0:
		book.ChangeBlind(h.name, h.n, "")
	case ed.kind == editDelete:
		book.Delete(h.id)
	case ed.kind == editChange:
		book.Change(h.id, nego.sentValue(ed))
	default:
		book.Rename(h.id, ed.name)
	}
}

// find looks up the field of a handle that was created by NthHeader before the header
// was complete.
func (ed *edit) find(content *content) error {
	h := &ed.handle
	if h.n == 0 || h.id != 0 || !content.recorded() {
		return nil
	}
	h.id = content.book.Nth(h.name, h.n)
	if h.id == 0 && ed.kind != editDelete {
		return fmt.Errorf("%v: %w: number %d of %s", ed.kind, ErrNoHeader, h.n, h.name)
	}
	return nil
}

// deleteRcpt deletes a recipient, including one that a filter added.
func (e *edits) deleteRcpt(addr string) {
	e.added = slices.DeleteFunc(e.added, func(r addedRcpt) bool { return unbracket(r.addr) == unbracket(addr) })
	e.deleted = append(e.deleted, addr)
}

// clean reports whether there is nothing to send.
func (e *edits) clean() bool {
	return e.sender == "" && len(e.added) == 0 && len(e.deleted) == 0 && e.quarantine == "" && !e.body.replaced
}

// encodeQuarantine appends the quarantine, if there is one.
func (e *edits) encodeQuarantine(dst []byte) ([]byte, error) {
	if e.quarantine == "" {
		return dst, nil
	}
	m := wire.Quarantine{Reason: e.quarantine}
	return m.Encode(dst)
}

// encodeEnvelope appends the sender and the recipients. The deletions come first, so that
// a recipient can be added again.
func (e *edits) encodeEnvelope(dst []byte) (out []byte, err error) {
	out = dst
	if e.sender != "" {
		m := wire.ChangeFrom{Sender: e.sender, Args: e.senderArgs}
		if out, err = m.Encode(out); err != nil {
			return dst, err
		}
	}
	for _, addr := range e.deleted {
		m := wire.DelRcpt{Recipient: addr}
		if out, err = m.Encode(out); err != nil {
			return dst, err
		}
	}
	for _, r := range e.added {
		if out, err = r.encode(out); err != nil {
			return dst, err
		}
	}
	return out, nil
}

func (r addedRcpt) encode(dst []byte) ([]byte, error) {
	if r.par {
		m := wire.AddRcptPar{Recipient: r.addr, Args: r.args}
		return m.Encode(dst)
	}
	m := wire.AddRcpt{Recipient: r.addr}
	return m.Encode(dst)
}

// reset drops all modifications and keeps their memory.
func (e *edits) reset() { *e = edits{added: e.added[:0], deleted: e.deleted[:0]} }

// bodySource is the body as the filters so far left it: bytes that a filter passed, or
// the body that the session keeps.
type bodySource struct {
	replaced bool
	inMemory bool // it is bytes
	bytes    []byte
}

// reader returns a reader over the body.
func (b *bodySource) reader(content *content) io.Reader {
	if b.inMemory {
		return bytes.NewReader(b.bytes)
	}
	return content.body.Reader()
}

// size returns the length of the body.
func (b *bodySource) size(content *content) int64 {
	if b.inMemory {
		return int64(len(b.bytes))
	}
	return content.body.Size()
}
