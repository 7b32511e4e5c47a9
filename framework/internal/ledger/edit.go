package ledger

// Append adds a field below all others.
func (l *Ledger) Append(name, value string) ID {
	return l.enter(len(l.order), field{newName: name, newValue: value})
}

// Insert adds a field with above fields over it, as the header stands now. The
// fields that there are none of do not count. A position of -1 is above what
// the MTA keeps to itself, its own Received field.
func (l *Ledger) Insert(above int, name, value string) ID {
	f := field{newName: name, newValue: value}
	if above < 0 {
		f.pin = atop
		return l.enter(0, f)
	}
	if l.Blind() {
		f.pin = pin(above + 1)
		return l.enter(l.blindPlace(above), f)
	}
	return l.enter(l.place(above), f)
}

// place returns the index in order that has above living fields before it.
func (l *Ledger) place(above int) int {
	for i, id := range l.order {
		f := &l.fields[id-1]
		if f.deleted || f.pin == atop {
			continue
		}
		if above == 0 {
			return i
		}
		above--
	}
	return len(l.order)
}

// blindPlace returns the index in order where a field with the given number of
// unseen fields over it stands: below those with fewer, above the others.
func (l *Ledger) blindPlace(above int) int {
	for i, id := range l.order {
		p := l.fields[id-1].pin
		if p == 0 || p > pin(above) {
			return i
		}
	}
	return len(l.order)
}

// Change gives a field a new value.
func (l *Ledger) Change(id ID, value string) {
	f := &l.fields[id-1]
	f.changed, f.newValue = true, value
}

// Delete takes a field away.
func (l *Ledger) Delete(id ID) { l.fields[id-1].deleted = true }

// Rename gives a field another name in the same place.
func (l *Ledger) Rename(id ID, name string) { l.fields[id-1].newName = name }

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
	for i := range l.blind {
		if e := &l.blind[i]; e.n == n && sameName(e.name, name) {
			e.value = value
			return
		}
	}
	l.blind = append(l.blind, blindEdit{name, n, value})
}
