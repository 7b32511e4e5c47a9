package ledger

import "github.com/sluicemail/sluice/framework/internal/ascii"

// ID names a field of one message, whatever happens to the fields around it.
// The zero ID names none.
type ID int

// Ledger is the header of one message. The zero value is an empty header.
type Ledger struct {
	memory
	shown int // how many fields the MTA showed

	// Watched says that every field is shown, so that a header without any
	// is one that has none. Reset keeps it.
	Watched bool
	// Pool is where the memory comes from, and goes to at Reset. Without
	// one, the ledger keeps its memory for the next message.
	Pool *Pool
	lent *memory
}

type field struct {
	shown      bool // by the MTA, rather than added
	deleted    bool
	changed    bool
	pin        pin
	name, text span   // in the arena, where shown
	newName    string // of an added or renamed field
	newValue   string // of an added or changed one
}

// pin fixes the place of an inserted field where the fields around it do not.
// The zero pin is none; a positive one is the index that the field is inserted
// at when nobody was shown the header.
type pin int

// atop is the place above everything, the MTA's own Received included.
const atop pin = -1

// renamed reports whether a shown field has another name now.
func (f *field) renamed() bool { return f.shown && f.newName != "" }

// edited reports whether a shown field is there still, and not as it was.
func (f *field) edited() bool { return f.shown && !f.deleted && (f.changed || f.renamed()) }

// inserted reports whether the field is new where it stands, below the MTA's
// own Received.
func (f *field) inserted() bool {
	return !f.deleted && (!f.shown || f.renamed()) && f.pin != atop
}

type span struct{ from, to int }

// Reset makes the ledger empty.
func (l *Ledger) Reset() {
	l.empty()
	l.shown = 0
	l.giveBack()
}

// Show enters a field that the MTA showed, below the ones that came before.
func (l *Ledger) Show(name, value []byte) ID {
	l.borrow()
	f := field{shown: true}
	f.name = l.keep(name)
	f.text = l.keep(value)
	l.shown++
	return l.enter(len(l.order), f)
}

// Size returns the number of fields and of bytes that were shown.
func (l *Ledger) Size() (fields, bytes int) { return l.shown, len(l.arena) }

func (l *Ledger) keep(b []byte) span {
	from := len(l.arena)
	l.arena = append(l.arena, b...)
	return span{from, len(l.arena)}
}

func (l *Ledger) enter(at int, f field) ID {
	l.borrow()
	l.fields = append(l.fields, f)
	id := ID(len(l.fields))
	l.order = append(l.order, 0)
	copy(l.order[at+1:], l.order[at:])
	l.order[at] = id
	return id
}

// Name returns the name of a field as it stands now.
func (l *Ledger) Name(id ID) string {
	f := &l.fields[id-1]
	if f.newName != "" {
		return f.newName
	}
	return l.shownName(f)
}

func (l *Ledger) shownName(f *field) string { return string(l.arena[f.name.from:f.name.to]) }

func (l *Ledger) shownValue(f *field) string { return string(l.arena[f.text.from:f.text.to]) }

// Value returns the value of a field as it stands now.
func (l *Ledger) Value(id ID) string {
	f := &l.fields[id-1]
	if f.changed || !f.shown {
		return f.newValue
	}
	return l.shownValue(f)
}

// Fields walks through the header as it stands now, top to bottom. The header
// must not be edited meanwhile.
func (l *Ledger) Fields(yield func(ID) bool) {
	for _, id := range l.order {
		if !l.fields[id-1].deleted && !yield(id) {
			return
		}
	}
}

// Nth returns the n-th field of a name as the header stands now, counted from
// 1, or the zero ID.
func (l *Ledger) Nth(name string, n int) ID {
	for id := range l.Fields {
		if l.is(id, name) {
			if n--; n == 0 {
				return id
			}
		}
	}
	return 0
}

// Blind reports whether no field was shown.
func (l *Ledger) Blind() bool { return l.shown == 0 && !l.Watched }

func (l *Ledger) is(id ID, name string) bool {
	f := &l.fields[id-1]
	if f.newName != "" {
		return ascii.EqualFold(f.newName, name)
	}
	return ascii.EqualFold(l.arena[f.name.from:f.name.to], name)
}
