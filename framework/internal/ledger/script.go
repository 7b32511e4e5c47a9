package ledger

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// Script appends to dst the modifications that make the MTA's header equal to
// the ledger's, as frames. The error is a *wire.ValueError.
func (l *Ledger) Script(dst []byte) ([]byte, error) {
	s := script{ledger: l, dst: dst}
	tail := l.tail()
	s.insert(tail)
	s.change()
	s.changeBlind()
	s.append(tail)
	if s.err != nil {
		return dst, s.err
	}
	return s.dst, nil
}

// Clean reports whether Script has nothing to say.
func (l *Ledger) Clean() bool {
	for i := range l.fields {
		if f := &l.fields[i]; f.shown == f.deleted || f.shown && (f.changed || f.renamed()) {
			return false
		}
	}
	return len(l.blind) == 0
}

type script struct {
	ledger *Ledger
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
// of shown ones. Nothing is deleted yet, so that every field above counts, and
// the MTA's own Received besides.
func (s *script) insert(tail int) {
	above, received := 0, 1
	for _, id := range s.ledger.order[:tail] {
		f := &s.ledger.fields[id-1]
		if !f.deleted && (!f.shown || f.renamed()) {
			at := received + above
			switch {
			case f.pin == atop:
				at = above
			case f.pin > 0:
				at = int(f.pin) + above
			}
			m := wire.InsertHeader{Index: uint32(at), Name: s.ledger.Name(id), Value: s.ledger.Value(id)}
			s.took(m.Encode(s.dst))
			above++
		}
		if f.shown {
			above++
		}
	}
}

// change says the shown fields that were changed or deleted, from the last to
// the first.
func (s *script) change() {
	order := s.ledger.order
	for i, id := range slices.Backward(order) {
		f := &s.ledger.fields[id-1]
		if !f.shown || !f.deleted && !f.changed && !f.renamed() {
			continue
		}
		name := string(s.ledger.arena[f.name.from:f.name.to])
		m := wire.ChangeHeader{Index: s.nth(i, name), Name: name}
		if !f.deleted && !f.renamed() {
			m.Value = f.newValue
		}
		s.took(m.Encode(s.dst))
	}
}

// nth counts the fields of a name from the top down to index i of the order,
// as the MTA has them after the insertions.
func (s *script) nth(i int, name string) (n uint32) {
	for _, id := range s.ledger.order[:i+1] {
		f := &s.ledger.fields[id-1]
		if f.shown && sameName(string(s.ledger.arena[f.name.from:f.name.to]), name) {
			n++
		}
		if !f.deleted && f.newName != "" && sameName(f.newName, name) {
			n++
		}
	}
	return n
}

func (s *script) changeBlind() {
	edits := slices.Clone(s.ledger.blind)
	slices.SortStableFunc(edits, func(a, b blindEdit) int { return b.n - a.n })
	for _, e := range edits {
		m := wire.ChangeHeader{Index: uint32(e.n + s.insertedAbove(e)), Name: e.name, Value: e.value} //nolint:gosec // counts fields
		s.took(m.Encode(s.dst))
	}
}

// insertedAbove counts the inserted fields that carry the name of an unseen
// field and certainly stand above it.
func (s *script) insertedAbove(e blindEdit) (n int) {
	for _, id := range s.ledger.order {
		f := &s.ledger.fields[id-1]
		if f.pin != 0 && int(f.pin) <= e.n && sameName(f.newName, e.name) {
			n++
		}
	}
	return n
}

func (s *script) append(tail int) {
	for _, id := range s.ledger.order[tail:] {
		f := &s.ledger.fields[id-1]
		if f.deleted {
			continue
		}
		m := wire.AddHeader{Name: f.newName, Value: f.newValue}
		s.took(m.Encode(s.dst))
	}
}

func sameName(a, b string) bool { return strings.EqualFold(a, b) }
