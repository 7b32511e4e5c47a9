package ledger

import "github.com/sluicemail/sluice/framework/internal/ascii"

// Append adds a field below all others.
func (l *Ledger) Append(name, value string) ID {
	return l.enter(len(l.order), field{newName: name, newValue: value})
}

// Insert adds a field with above fields over it, as the header stands now. The
// fields that there are none of do not count. A position of -1 is above what
// the MTA keeps to itself, its own Received field; what stands there is not
// counted.
func (l *Ledger) Insert(above int, name, value string) ID {
	f := field{newName: name, newValue: value}
	switch {
	case above < 0:
		f.pin = atop
		return l.enter(0, f)
	case l.Blind():
		at, unseen := l.blindPlace(above)
		f.pin = pin(unseen + 1)
		return l.enter(at, f)
	default:
		return l.enter(l.place(above), f)
	}
}

// place returns the index in order that has above living fields before it.
func (l *Ledger) place(above int) int {
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

// blindPlace returns the index in order of a field that is to have above
// fields over it, and how many of these are fields that nobody was shown. The
// fields inserted before count, those appended stand below all others.
func (l *Ledger) blindPlace(above int) (at, unseen int) {
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

// Change gives a field a new value. The value that the MTA showed is no change.
func (l *Ledger) Change(id ID, value string) {
	f := &l.fields[id-1]
	f.newValue = value
	f.changed = f.shown && value != l.shownValue(f)
}

// Delete takes a field away.
func (l *Ledger) Delete(id ID) { l.fields[id-1].deleted = true }

// Rename gives a field another name in the same place. The name that the MTA
// showed is no change.
func (l *Ledger) Rename(id ID, name string) {
	f := &l.fields[id-1]
	if f.shown && name == l.shownName(f) {
		name = ""
	}
	f.newName = name
}

// Deleted reports whether the field was taken away.
func (l *Ledger) Deleted(id ID) bool { return l.fields[id-1].deleted }

// blindEdit is a change to a field that nobody was shown. An empty value
// stands for its deletion.
type blindEdit struct {
	name  string
	n     int
	value string
}

// ChangeBlind changes the n-th field of a name that was not shown; an empty
// value deletes it.
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
