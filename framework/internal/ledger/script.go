package ledger

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// Script appends to dst the modifications that make the header of the given
// MTA equal to the ledger's, as frames. The error is a *wire.ValueError; dst is
// then returned as it was.
func (l *Ledger) Script(dst []byte, mta MTA) ([]byte, error) {
	s := script{ledger: l, mta: mta, tail: l.tail(), dst: dst}
	s.changeBlind()
	s.change()
	s.insert()
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

// insert says the fields that were added above a shown one, and the new names
// of shown ones, from the last to the first: so none has to count those that
// are inserted above it, and Postfix need not search through them. What was
// deleted is gone in Postfix, and counts on in Sendmail.
func (s *script) insert() {
	above := s.counting()
	for i, id := range slices.Backward(s.ledger.order[:s.tail]) {
		f := &s.ledger.fields[id-1]
		if !f.inserted() {
			continue
		}
		shown := above[i]
		if f.pin > 0 {
			shown = int(f.pin) - 1
		}
		s.insertAt(s.mta.hidden(shown)+shown, id)
	}
}

// counting returns, for each place in the order, how many shown fields the MTA
// counts above it.
func (s *script) counting() []int {
	above, shown := make([]int, s.tail), 0
	for i, id := range s.ledger.order[:s.tail] {
		above[i] = shown
		if f := &s.ledger.fields[id-1]; f.shown && (s.mta == Sendmail || !f.deleted && !f.renamed()) {
			shown++
		}
	}
	return above
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

// change says the shown fields that were changed or deleted, from the last to
// the first.
func (s *script) change() {
	left := s.count()
	if left == nil {
		return
	}
	for _, id := range slices.Backward(s.ledger.order[:s.tail]) {
		f := &s.ledger.fields[id-1]
		if !f.shown {
			continue
		}
		name := s.ledger.shownName(f)
		if f.edited() || f.deleted {
			m := wire.ChangeHeader{Index: left[fold(name)], Name: name}
			if !f.deleted && !f.renamed() {
				m.Value = f.newValue
			}
			s.took(m.Encode(s.dst))
		}
		left[fold(name)]--
	}
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
			left[fold(s.ledger.shownName(f))] = 0
		}
	}
	if left == nil {
		return nil
	}
	for _, id := range s.ledger.order[:s.tail] {
		if f := &s.ledger.fields[id-1]; f.shown {
			left[fold(s.ledger.shownName(f))]++
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
