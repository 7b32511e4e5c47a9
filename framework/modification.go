package framework

import (
	"crypto/sha256"
	"hash"
	"io"
)

// Modification is one modification that a filter asked for: see
// [FilterResult.Modifications]. The Kind determines which fields are set.
type Modification struct {
	// Kind is the libmilter name of the modification, as in
	// [MessageResult.Modifications].
	Kind string
	// Old is the field that is changed, renamed or deleted, as the filter saw it. If the
	// message has no such field, or the header is not kept, only the name is set.
	Old Field
	// New is the field that is added, or what the field becomes.
	New Field
	// Above is the number of fields above an added one when all modifications of the
	// filter were made. It does not count the MTA's own Received, nor fields that were not
	// kept. It is 0 if the message ended before they were made.
	Above int
	// Prepended reports whether the field was added above the MTA's own Received.
	Prepended bool
	// Address is the recipient or the new sender, as the filter gave it, and Args are the
	// ESMTP arguments with it.
	Address, Args string
	// Reason is the reason for a quarantine.
	Reason string

	body []byte
	read bodyDigest
	edit int // the index of the edit
}

// BodyDigest returns the SHA-256 and the length of a new body, with lines ended by CRLF. They
// are zero for other modifications, and for a body that was not read because the message
// ended before.
func (m *Modification) BodyDigest() (sum [sha256.Size]byte, size int64) {
	switch {
	case m.read.hash != nil:
		m.read.hash.Sum(sum[:0])
		return sum, m.read.size
	case m.body != nil:
		return sha256.Sum256(m.body), int64(len(m.body))
	}
	return sum, 0
}

// bodyDigest is computed while a new body is read.
type bodyDigest struct {
	hash hash.Hash
	size int64
}

// of returns a reader that reads r and computes the digest.
func (d *bodyDigest) of(r io.Reader) io.Reader {
	*d = bodyDigest{hash: sha256.New()}
	return io.TeeReader(r, d)
}

// Write implements io.Writer.
func (d *bodyDigest) Write(p []byte) (int, error) {
	d.size += int64(len(p))
	return d.hash.Write(p)
}

// describe returns the edit, the i-th of the lane, as it is before it is applied.
func (ed *edit) describe(s *Session, lane *laneState, i int) Modification {
	m := Modification{Kind: ed.kind.String(), edit: i}
	switch ed.kind {
	case editAppend, editInsert:
		m.New = newField(ed.name, ed.sentValue(&s.nego), &s.nego)
		m.Prepended = ed.kind == editInsert && ed.place == placePrepend
	case editChange:
		m.Old = ed.handle.field(s)
		m.New = newField(m.Old.Name, ed.sentValue(&s.nego), &s.nego)
	case editRename:
		m.Old = ed.handle.field(s)
		m.New = newField(ed.name, m.Old.Raw, &s.nego)
	case editDelete:
		m.Old = ed.handle.field(s)
	case editAddRcpt, editAddRcptPar, editDelRcpt, editSender:
		m.Address, m.Args = ed.name, ed.value
	case editQuarantine:
		m.Reason = ed.value
	case editBody, numEditKinds:
		m.body = ed.body
		if ed.reader != nil {
			m.read = lane.record.body
		}
	}
	return m
}

func newField(name, raw string, nego *negotiated) Field {
	return Field{Name: name, Value: lfOnly(nego.shownValue(raw)), Raw: raw, space: nego.wireSpace()}
}

// field returns the field that a handle stands for, as the lanes so far left it. If the header
// is not kept or has no such field, only the name is set.
func (h HeaderHandle) field(s *Session) Field {
	if h.id == 0 && h.n > 0 && s.content.recorded() {
		h.id = s.content.book.Nth(h.name, h.n)
	}
	if h.id == 0 || !s.content.recorded() {
		return Field{Name: h.name}
	}
	name, raw := s.content.book.Name(h.id), s.content.book.Value(h.id)
	f := newField(name, raw, &s.nego)
	f.Handle = HeaderHandle{id: h.id, session: s, message: s.message.number, name: name}
	f.Origin = s.originOf(h.id)
	return f
}
