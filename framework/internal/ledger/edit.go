package ledger

import "github.com/sluicemail/sluice/framework/internal/ascii"

// Append adds a field below all others.
func (l *Ledger) Append(name, value string) ID {
	return l.insertField(len(l.order), field{newName: name, newValue: value})
}

// Insert adds a field at a position of the edited header: above is the number
// of fields above the new one. If the header has fewer fields, the new one goes
// to the end. The position -1 is above the Received field that the MTA itself
// added and does not show. Fields there do not count for other positions.
func (l *Ledger) Insert(above int, name, value string) ID {
	f := field{newName: name, newValue: value}
	switch {
	case above < 0:
		f.pin = atop
		return l.insertField(0, f)
	case l.Blind():
		at, unseen := l.blindPosition(above)
		f.pin = pin(unseen + 1)
		return l.insertField(at, f)
	default:
		return l.insertField(l.position(above), f)
	}
}

// position returns the index in l.order that has the given number of remaining
// fields before it.
func (l *Ledger) position(above int) int {
	for i, id := range l.order {
		f := &l.fields[id-1]
		if f.pin == atop {
			continue
		}
		if above == 0 {
			return i
		}
		if !f.deleted {
			above--
		}
	}
	return len(l.order)
}

// blindPosition returns the index in l.order for a field with the given number
// of fields above it, and the number of those that the MTA did not show.
// Earlier insertions count. Appended fields do not count, because they are
// below all others.
func (l *Ledger) blindPosition(above int) (at, unseen int) {
	for i, id := range l.order {
		f := &l.fields[id-1]
		switch {
		case f.pin == atop:
		case f.pin == 0 || above < int(f.pin):
			return i, above
		default:
			above--
		}
	}
	return len(l.order), above
}

// Change sets the value of a field. Setting the value that the MTA showed
// undoes a change.
func (l *Ledger) Change(id ID, value string) {
	f := &l.fields[id-1]
	f.newValue = value
	f.changed = f.shown && value != l.shownValue(f)
}

// Delete deletes a field.
func (l *Ledger) Delete(id ID) { l.fields[id-1].deleted = true }

// Rename sets the name of a field and keeps its position. Setting the name that
// the MTA showed undoes a renaming.
func (l *Ledger) Rename(id ID, name string) {
	f := &l.fields[id-1]
	if f.shown && name == l.shownName(f) {
		name = ""
	}
	f.newName = name
}

// Deleted reports whether the field was deleted.
func (l *Ledger) Deleted(id ID) bool { return l.fields[id-1].deleted }

// blindEdit is an edit of a field that the MTA did not show. An empty value
// deletes the field.
type blindEdit struct {
	name  string
	n     int
	value string
}

// ChangeBlind sets the value of the n-th field of a name, for fields that the
// MTA did not show. An empty value deletes the field.
func (l *Ledger) ChangeBlind(name string, n int, value string) {
	l.borrow()
	for i := range l.blind {
		if e := &l.blind[i]; e.n == n && ascii.EqualFold(e.name, name) {
			e.value = value
			return
		}
	}
	l.blind = append(l.blind, blindEdit{name, n, value})
}
