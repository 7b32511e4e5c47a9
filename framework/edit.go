package framework

import (
	"io"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// edit is one modification as a handler asked for it. What the fields mean
// goes by the kind.
type edit struct {
	kind   editKind
	handle HeaderHandle
	above  int
	name   string // or an address
	value  string // or ESMTP arguments, or a reason
	raw    bool   // the value begins right after the colon
	body   []byte
	reader io.Reader // where the new body is to be read from
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
)

// String returns the libmilter name of the modification.
func (k editKind) String() string {
	return [...]string{
		"addheader", "insheader", "chgheader", "delheader", "renheader",
		"addrcpt", "addrcpt_par", "delrcpt", "chgfrom", "replacebody", "quarantine",
	}[k]
}

// wireOf returns the value of an edit of the header as it goes over the wire. An
// MTA that owns the space after the colon puts it there; an empty value would be
// a deletion.
func (s *Session) wireOf(e *edit) string {
	switch {
	case !e.raw:
		return s.wireValue(e.value)
	case s.nego.leadSpace, e.value == " " && e.kind == editChange:
		return e.value
	}
	return strings.TrimPrefix(e.value, " ")
}

// maxPlaced is how many header fields of a message may be inserted, changed or
// renamed. Postfix jumps to and fro in its queue file at each of them. It takes
// a message with more than 10,000 jumps from the client, and then cannot read
// it: the message is lost in its queue "corrupt". The other half is for filters
// that it asks besides.
const maxPlaced = 5000

// countEdit counts an edit of the header that Postfix jumps for. A field that is
// appended, and one that is deleted, costs it nothing.
func (s *Session) countEdit(lane *laneState) error {
	if lane.plan.policy.dryRun {
		return nil
	}
	if s.edits.placed >= maxPlaced {
		return ErrTooManyEdits
	}
	s.edits.placed++
	return nil
}

// bodySource is a body that was put in the place of the message's: bytes, or
// what the session keeps.
type bodySource struct {
	replaced bool
	kept     bool
	bytes    []byte
}

// envelopeEdits are the modifications of a message beside those of its header,
// as all lanes so far asked for them.
type envelopeEdits struct {
	sender     string
	senderArgs string
	added      []addedRcpt
	deleted    []string
	quarantine string
	body       bodySource
	placed     int // insertions, changes and new names of fields, asked for so far
}

type addedRcpt struct {
	addr, args string
	par        bool
}

func (e *envelopeEdits) reset() {
	*e = envelopeEdits{added: e.added[:0], deleted: e.deleted[:0]}
}

// delete takes a recipient away, be it the message's or one that was added.
func (e *envelopeEdits) delete(addr string) {
	e.added = slices.DeleteFunc(e.added, func(r addedRcpt) bool { return bareAddr(r.addr) == bareAddr(addr) })
	e.deleted = append(e.deleted, addr)
}

// clean reports whether there is nothing to say.
func (e *envelopeEdits) clean() bool {
	return e.sender == "" && len(e.added) == 0 && len(e.deleted) == 0 && e.quarantine == "" && !e.body.replaced
}

// encodeEnvelope appends the sender and the recipients. The deletions come
// first, so that a recipient can be added again.
func (e *envelopeEdits) encodeEnvelope(dst []byte) (out []byte, err error) {
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
