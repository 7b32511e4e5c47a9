package framework

import (
	"bytes"
	"io"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/wire"
)

// edit is one modification as a handler requested it. The kind determines which fields
// are used.
type edit struct {
	kind   editKind
	handle HeaderHandle
	place  place
	above  int    // fields, if the place is counted
	name   string // or an address
	value  string // or ESMTP arguments, or a reason
	raw    bool   // the value begins right after the colon
	body   []byte
	reader io.Reader // of the new body
	made   ledger.ID // of the field that it added, once it is applied
}

// sentValue returns the value of an edit of the header as it is sent. Without
// SMFIP_HDR_LEADSPC the MTA itself adds a space; an empty value would be a deletion.
func (ed *edit) sentValue(n *negotiated) string {
	switch {
	case !ed.raw && n.leadSpace:
		return " " + ed.value
	case !ed.raw, n.leadSpace, ed.value == " " && ed.kind == editChange:
		return ed.value
	}
	return strings.TrimPrefix(ed.value, " ")
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

// place is where a field is inserted.
type place uint8

const (
	placeTop     place = iota // below the MTA's own Received
	placePrepend              // above it
	placeCounted              // below a number of fields
	placeAbove                // above the handle's field
	placeBelow                // below it
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
	rcpts      recipients
	quarantine string
	body       bodySource
	placed     int               // insertions, changes and renames of fields that were asked for
	counts     [numEditKinds]int // of what was applied
	asked      int               // memory of the edits that were asked for
}

// maxPlaced is the maximum number of insertions, changes and renames of header fields
// in one message. Each of them makes Postfix seek in its queue file. Postfix accepts a
// message with more than 10,000 seeks from the client, but cannot read it afterwards
// and moves it to the queue "corrupt". maxPlaced is half of that number, so that the
// other half is left to other milters.
const maxPlaced = 5000

// editCost is the memory that an edit takes in addition to its strings: in the lane, in
// the ledger and in the reply.
const editCost = 512

// freeEdits is the memory for the edits of a message that is not counted: a budget that
// is used up must not stop the filters that add a field or two.
const freeEdits = 16 << 10

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

// apply applies a modification of a lane, so that the later lanes see it.
func (e *edits) apply(lane *laneState, ed *edit, content *content, nego *negotiated) {
	switch ed.kind {
	case editAppend, editInsert, editChange, editDelete, editRename:
		if !ed.applyToHeader(&content.book, nego) {
			return
		}
	case editAddRcpt, editAddRcptPar:
		rcpt := addedRcpt{ed.name, ed.value, ed.kind == editAddRcptPar}
		e.rcpts.add(lane, rcpt, content.recipients, nego.Actions.Has(wire.ActionDelRcpt))
		return // count counts recipients
	case editDelRcpt:
		e.rcpts.remove(ed.name, content.recipients)
		return
	case editSender:
		e.sender, e.senderArgs = ed.name, ed.value
	case editQuarantine:
		e.quarantine = ed.value
	case editBody, numEditKinds: // the body was replaced before
	}
	e.counts[ed.kind]++
}

// applyToHeader applies an edit of the header. It reports whether the edit changes anything.
func (ed *edit) applyToHeader(book *ledger.Ledger, nego *negotiated) bool {
	switch ed.kind {
	case editAppend:
		ed.made = book.Append(ed.name, ed.sentValue(nego))
	case editInsert:
		ed.insert(book, ed.sentValue(nego))
	case editChange, editDelete, editRename:
		return ed.applyToField(book, nego)
	default:
		return false
	}
	return true
}

// insert applies the insertion of a field.
func (ed *edit) insert(book *ledger.Ledger, value string) {
	switch ed.place {
	case placeTop:
		ed.made = book.InsertTop(ed.name, value)
	case placePrepend:
		ed.made = book.Prepend(ed.name, value)
	case placeCounted:
		ed.made = book.Insert(ed.above, ed.name, value)
	case placeAbove:
		ed.made = book.InsertAbove(ed.handle.id, ed.name, value)
	case placeBelow:
		ed.made = book.InsertBelow(ed.handle.id, ed.name, value)
	}
}

// applyToField applies an edit of an existing field. It reports whether the edit changes
// anything: a deletion of a field that is not there, or that was deleted, does not.
func (ed *edit) applyToField(book *ledger.Ledger, nego *negotiated) bool {
	switch id := ed.handle.id; {
	case id == 0, ed.kind == editDelete && book.Deleted(id):
		return false
	case ed.kind == editDelete:
		book.Delete(id)
	case ed.kind == editRename:
		book.Rename(id, ed.name)
		if value := book.Value(id); message.FieldValueProblem(value) != "" {
			book.Change(id, message.CleanFieldValue(value))
		}
	default:
		value := ed.sentValue(nego)
		// The value that the filter saw undoes a change, whether or not a space precedes it.
		if raw, ok := book.Shown(id); ok && !ed.raw && lfOnly(nego.shownValue(raw)) == ed.value {
			value = raw
		}
		book.Change(id, value)
	}
	return true
}

// clean reports whether there is nothing to send.
func (e *edits) clean() bool {
	return e.sender == "" && e.rcpts.clean() && e.quarantine == "" && !e.body.replaced
}

// encodeQuarantine appends the quarantine, if there is one.
func (e *edits) encodeQuarantine(dst []byte) ([]byte, error) {
	if e.quarantine == "" {
		return dst, nil
	}
	m := wire.Quarantine{Reason: e.quarantine}
	return m.Encode(dst)
}

// encodeEnvelope appends the sender and the recipients.
func (e *edits) encodeEnvelope(dst []byte) (out []byte, err error) {
	out = dst
	if e.sender != "" {
		m := wire.ChangeFrom{Sender: e.sender, Args: e.senderArgs}
		if out, err = m.Encode(out); err != nil {
			return dst, err
		}
	}
	if out, err = e.rcpts.encode(out); err != nil {
		return dst, err
	}
	return out, nil
}

// reset drops all modifications and keeps their memory.
func (e *edits) reset() {
	e.rcpts.reset()
	*e = edits{rcpts: e.rcpts}
}

// bodySource is the body as the filters so far left it: bytes that a filter passed, a
// filter's body that the session keeps, or the MTA's.
type bodySource struct {
	replaced bool
	inMemory bool // it is bytes
	bytes    []byte
}

// reader returns a reader over the body.
func (b *bodySource) reader(content *content) io.Reader {
	switch {
	case b.inMemory:
		return bytes.NewReader(b.bytes)
	case b.replaced:
		return content.edited.Reader()
	}
	return content.body.Reader()
}

// size returns the length of the body.
func (b *bodySource) size(content *content) int64 {
	switch {
	case b.inMemory:
		return int64(len(b.bytes))
	case b.replaced:
		return content.edited.Size()
	}
	return content.body.Size()
}
