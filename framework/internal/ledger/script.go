package ledger

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/wire"
)

// Script appends encoded modifications to dst that make the MTA's header equal
// to the edited one. The error is a *wire.ValueError, and Script then returns
// dst unchanged.
func (l *Ledger) Script(dst []byte, mta MTA) ([]byte, error) {
	s := script{ledger: l, mta: mta, tail: l.tail(), dst: dst}
	s.edit()
	s.append()
	s.insertAtop()
	if s.err != nil {
		return dst, s.err
	}
	return s.dst, nil
}

// Clean reports whether the script is empty because the header was not edited.
func (l *Ledger) Clean() bool {
	for i := range l.fields {
		if f := &l.fields[i]; f.shown == f.deleted || f.edited() {
			return false
		}
	}
	return true
}

type script struct {
	ledger *Ledger
	mta    MTA
	tail   int // index in order of the first field that can be appended
	dst    []byte
	err    error
	lower  []byte // a name in lower case
}

// add records the result of encoding a modification. Modifications are encoded
// without the wire.Reply interface, so that none is allocated on the heap.
func (s *script) add(dst []byte, err error) {
	s.dst = dst
	if s.err == nil {
		s.err = err
	}
}

// tail returns the index in l.order from which on all fields were added and
// have no pin. These fields can be appended.
func (l *Ledger) tail() int {
	at := len(l.order)
	for at > 0 {
		f := &l.fields[l.order[at-1]-1]
		if f.shown || f.pin != unpinned {
			break
		}
		at--
	}
	return at
}

// edit writes the changes of shown fields and the insertions above them, from
// the last to the first. No index then depends on an edit above it.
//
// To find a field, Postfix reads through all edits so far, and it gives up the
// message after 10,000 backward jumps in its queue file. So each place is
// completed before the next one above it. A filter does not see where Sendmail
// puts an insertion. The insertions therefore follow all changes, so that they
// cannot shift an index.
func (s *script) edit() {
	left := s.count()
	if s.mta == Postfix {
		s.walk(func(f *field, id ID, above int) { s.change(f, left); s.insert(f, id, above) })
		return
	}
	s.walk(func(f *field, _ ID, _ int) { s.change(f, left) })
	s.walk(s.insert)
}

// walk calls visit for each field above the tail, from the last to the first.
// above is the number of shown fields above the field. The MTA still counts all
// of them: a field that was deleted earlier is either below, or Sendmail still
// counts it.
func (s *script) walk(visit func(f *field, id ID, above int)) {
	above := s.ledger.shown
	for _, id := range slices.Backward(s.ledger.order[:s.tail]) {
		f := &s.ledger.fields[id-1]
		if f.shown {
			above--
		}
		visit(f, id, above)
	}
}

// insert writes an insertion if the field is new at its position.
func (s *script) insert(f *field, id ID, above int) {
	if !f.inserted() {
		return
	}
	s.insertAt(s.mta.hidden(above)+above, id)
}

// insertAtop writes the fields above the MTA's own Received field, the lowest
// first. They come after all others, so that no other index has to count them.
func (s *script) insertAtop() {
	for _, id := range slices.Backward(s.ledger.order[:s.tail]) {
		if f := &s.ledger.fields[id-1]; f.pin == atop && !f.deleted {
			s.insertAt(0, id)
		}
	}
}

func (s *script) insertAt(index int, id ID) {
	// The MTA may have shown a value with lines ended by CRLF.
	value := strings.ReplaceAll(s.ledger.Value(id), "\r\n", "\n")
	m := wire.InsertHeader{Index: uint32(index), Name: s.ledger.Name(id), Value: s.lines(value)} //nolint:gosec // counts fields
	s.add(m.Encode(s.dst))
}

// lines returns a value with the line ends that the MTA wants.
func (s *script) lines(value string) string {
	if !s.ledger.CRLF {
		return value
	}
	return strings.ReplaceAll(value, "\n", "\r\n")
}

// change writes the change of a shown field: a new value, or its deletion. A
// renamed field is deleted here and inserted under its new name.
func (s *script) change(f *field, left map[string]*uint32) {
	if left == nil || !f.shown {
		return
	}
	n, ok := left[string(s.lowerName(f))]
	if !ok {
		return
	}
	if f.edited() || f.deleted {
		m := wire.ChangeHeader{Index: *n, Name: f.shownName()}
		if !f.deleted && !f.renamed() {
			m.Value = s.lines(f.newValue)
		}
		s.add(m.Encode(s.dst))
	}
	*n--
}

// count returns the number of shown fields of each name that is to be changed.
// It returns nil if no field is to be changed. The counts are pointers: a map with
// string keys is read without making a string of bytes, but not written.
func (s *script) count() map[string]*uint32 {
	var left map[string]*uint32
	for i := range s.ledger.fields {
		f := &s.ledger.fields[i]
		if !f.edited() && (!f.shown || !f.deleted) {
			continue
		}
		if left == nil {
			left = make(map[string]*uint32)
		}
		if name := s.lowerName(f); left[string(name)] == nil {
			left[string(name)] = new(uint32)
		}
	}
	if left == nil {
		return nil
	}
	for _, id := range s.ledger.order[:s.tail] {
		if f := &s.ledger.fields[id-1]; f.shown {
			if n, ok := left[string(s.lowerName(f))]; ok {
				*n++
			}
		}
	}
	return left
}

// lowerName returns the name of a shown field in lower case. It is valid until the
// next call.
func (s *script) lowerName(f *field) []byte {
	s.lower = ascii.AppendLower(s.lower[:0], f.name)
	return s.lower
}

func (s *script) append() {
	for _, id := range s.ledger.order[s.tail:] {
		f := &s.ledger.fields[id-1]
		if f.deleted {
			continue
		}
		if s.mta == Sendmail {
			s.insertAt(pastEnd, id)
			continue
		}
		m := wire.AddHeader{Name: f.newName, Value: s.lines(f.newValue)}
		s.add(m.Encode(s.dst))
	}
}
