package ledger

import "slices"

// Append adds a field below all others.
func (l *Ledger) Append(name, value string) ID {
	return l.insertField(len(l.order), l.added(name, value, unpinned))
}

// Prepend adds a field above all others, including the Received field that the
// MTA itself added and does not show.
func (l *Ledger) Prepend(name, value string) ID {
	return l.insertField(0, l.added(name, value, atop))
}

// InsertTop adds a field below the MTA's own Received field and above all other
// fields there.
func (l *Ledger) InsertTop(name, value string) ID {
	at := 0
	for at < len(l.order) && l.fields[l.order[at]-1].pin == atop {
		at++
	}
	return l.insertField(at, l.added(name, value, top))
}

// Insert adds a field at a position of the edited header: above is the number
// of fields above the new one. If the header has fewer fields, the new one goes
// to the end. Between a field that was prepended and the first field below the
// MTA's own Received, the new field goes below the Received.
func (l *Ledger) Insert(above int, name, value string) ID {
	for i, id := range l.order {
		f := &l.fields[id-1]
		if above == 0 && (!f.deleted || f.pin != atop) {
			return l.insertField(i, l.added(name, value, f.pin.beside()))
		}
		if !f.deleted {
			above--
		}
	}
	return l.insertField(len(l.order), l.added(name, value, unpinned))
}

// InsertAbove adds a field directly above another one. A deleted field still
// has its place.
func (l *Ledger) InsertAbove(id ID, name, value string) ID {
	return l.insertField(l.place(id), l.added(name, value, l.fields[id-1].pin.beside()))
}

// InsertBelow adds a field directly below another one, and below those that
// the same filter inserted below it before: see [Ledger.BeginFilter]. A deleted
// field still has its place.
func (l *Ledger) InsertBelow(id ID, name, value string) ID {
	f := l.added(name, value, l.fields[id-1].pin.beside())
	f.below = id
	at := l.place(id)
	for i := at + 1; i < len(l.order); i++ {
		if other := &l.fields[l.order[i]-1]; other.below == id && other.filter == l.filter && !other.deleted {
			at = i
		}
	}
	return l.insertField(at+1, f)
}

// BeginFilter begins the edits of the filter with the given number, counted from 1.
func (l *Ledger) BeginFilter(n int) { l.filter = n }

// added returns a new field of the filter whose edits have begun.
func (l *Ledger) added(name, value string, p pin) field {
	return field{newName: name, newValue: value, pin: p, filter: l.filter, writer: l.filter}
}

// place returns the index of a field in l.order.
func (l *Ledger) place(id ID) int { return slices.Index(l.order, id) }

// Change sets the value of a field. Setting the value that the MTA showed
// undoes a change.
func (l *Ledger) Change(id ID, value string) {
	f := &l.fields[id-1]
	f.newValue = value
	f.changed = f.shown && value != f.shownValue()
	f.writer = l.filter
	if f.shown && !f.changed {
		f.writer = 0
	}
}

// Delete deletes a field.
func (l *Ledger) Delete(id ID) { l.fields[id-1].deleted = true }

// Rename sets the name of a field and keeps its position. Setting the name that
// the MTA showed undoes a renaming.
func (l *Ledger) Rename(id ID, name string) {
	f := &l.fields[id-1]
	if f.shown && name == f.shownName() {
		name = ""
	}
	f.newName = name
}

// Deleted reports whether the field was deleted.
func (l *Ledger) Deleted(id ID) bool { return l.fields[id-1].deleted }

// Trial returns a copy of the ledger, for edits that are forgotten with it.
func (l *Ledger) Trial() *Ledger {
	return &Ledger{
		memory: memory{fields: slices.Clone(l.fields), order: slices.Clone(l.order)}, shown: l.shown, LeadSpace: l.LeadSpace, CRLF: l.CRLF,
	}
}
