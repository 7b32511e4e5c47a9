package ledger

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ascii"
	"github.com/sluicemail/sluice/wire"
)

// Script appends to dst the modifications that make the header of the given
// MTA equal to the ledger's, as frames. The error is a *wire.ValueError; dst is
// then returned as it was.
func (l *Ledger) Script(dst []byte, mta MTA) ([]byte, error) {
	s := script{ledger: l, mta: mta, tail: l.tail(), dst: dst}
	s.changeBlind()
	s.edit()
	s.append()
	s.insertAtop()
	if s.err != nil {
		return dst, s.err
	}
	return s.dst, nil
}

// Clean reports whether Script has nothing to say.
func (l *Ledger) Clean() bool {
	for i := range l.fields {
		if f := &l.fields[i]; f.shown == f.deleted || f.edited() {
			return false
		}
	}
	return len(l.blind) == 0
}

type script struct {
	ledger *Ledger
	mta    MTA
	tail   int // the index in order from which on appending does
	dst    []byte
	err    error
}

// took takes what encoding a modification returned. The modifications are
// encoded without the wire.Reply interface, so that none lives on the heap.
func (s *script) took(dst []byte, err error) {
	s.dst = dst
	if s.err == nil {
		s.err = err
	}
}

// tail returns the index in order from which on all fields were added, so that
// appending does for them.
func (l *Ledger) tail() int {
	at := len(l.order)
	for at > 0 {
		f := &l.fields[l.order[at-1]-1]
		if f.shown || f.pin != 0 {
			break
		}
		at--
	}
	return at
}

// edit says what became of the shown fields and what was added above them, from
// the last to the first: so nobody has to count what is edited above.
//
// Postfix reads through all that it edited before on its way to a field, and
// gives the message up after 10,000 jumps backwards in its queue file. So it is
// told all about a place before the next above. Sendmail does not tell where
// insertions go, and is told of them when no other index can be hit any more.
func (s *script) edit() {
	left := s.count()
	if s.mta == Postfix {
		s.walk(func(f *field, id ID, above int) { s.change(f, left); s.insert(f, id, above) })
		return
	}
	s.walk(func(f *field, _ ID, _ int) { s.change(f, left) })
	s.walk(s.insert)
}

// walk calls say for each field above the tail, the last first, with the number
// of fields above it that the MTA showed. Each still counts: what was deleted
// before was below, or counts on in Sendmail.
func (s *script) walk(say func(f *field, id ID, above int)) {
	above := s.ledger.shown
	for _, id := range slices.Backward(s.ledger.order[:s.tail]) {
		f := &s.ledger.fields[id-1]
		if f.shown {
			above--
		}
		say(f, id, above)
	}
}

// insert says a field that is new where it stands.
func (s *script) insert(f *field, id ID, above int) {
	if !f.inserted() {
		return
	}
	if f.pin > 0 {
		above = int(f.pin) - 1
	}
	s.insertAt(s.mta.hidden(above)+above, id)
}

// insertAtop says the fields above the MTA's own Received, the lowest first.
// They come last of all, so that no other index has to count them.
func (s *script) insertAtop() {
	for _, id := range slices.Backward(s.ledger.order[:s.tail]) {
		if f := &s.ledger.fields[id-1]; f.pin == atop && !f.deleted {
			s.insertAt(0, id)
		}
	}
}

func (s *script) insertAt(index int, id ID) {
	// A value that the MTA showed may have its lines ended by CRLF.
	value := strings.ReplaceAll(s.ledger.Value(id), "\r\n", "\n")
	m := wire.InsertHeader{Index: uint32(index), Name: s.ledger.Name(id), Value: value} //nolint:gosec // counts fields
	s.took(m.Encode(s.dst))
}

// change says a shown field that was changed or deleted, or that is to be
// inserted by another name.
func (s *script) change(f *field, left map[string]uint32) {
	if left == nil || !f.shown {
		return
	}
	name := s.ledger.shownName(f)
	if f.edited() || f.deleted {
		m := wire.ChangeHeader{Index: left[ascii.ToLower(name)], Name: name}
		if !f.deleted && !f.renamed() {
			m.Value = f.newValue
		}
		s.took(m.Encode(s.dst))
	}
	left[ascii.ToLower(name)]--
}

// count returns how many fields of each name the MTA has shown, for the names
// of fields that are to be changed; nil without any.
func (s *script) count() map[string]uint32 {
	var left map[string]uint32
	for i := range s.ledger.fields {
		if f := &s.ledger.fields[i]; f.edited() || f.shown && f.deleted {
			if left == nil {
				left = make(map[string]uint32)
			}
			left[ascii.ToLower(s.ledger.shownName(f))] = 0
		}
	}
	if left == nil {
		return nil
	}
	for _, id := range s.ledger.order[:s.tail] {
		if f := &s.ledger.fields[id-1]; f.shown {
			left[ascii.ToLower(s.ledger.shownName(f))]++
		}
	}
	return left
}

// changeBlind says the edits of fields that nobody was shown, from the last to
// the first. They are counted without what is inserted, so they come before it.
func (s *script) changeBlind() {
	edits := slices.Clone(s.ledger.blind)
	slices.SortStableFunc(edits, func(a, b blindEdit) int { return b.n - a.n })
	for _, e := range edits {
		m := wire.ChangeHeader{Index: uint32(e.n), Name: e.name, Value: e.value} //nolint:gosec // counts fields
		s.took(m.Encode(s.dst))
	}
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
		m := wire.AddHeader{Name: f.newName, Value: f.newValue}
		s.took(m.Encode(s.dst))
	}
}
