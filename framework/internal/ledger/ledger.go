package ledger

import "github.com/sluicemail/sluice/framework/internal/ascii"

// ID identifies a field of one message. It does not change when other fields
// are edited. The zero ID identifies no field.
type ID int

// Ledger is the header of one message with the edits to it. The zero value is
// an empty header. A Ledger is not safe for concurrent use.
type Ledger struct {
	memory
	shown int // how many fields the MTA showed

	// Watched means that the MTA shows every field. A ledger without fields
	// is then an empty header rather than a blind one. Reset keeps Watched.
	Watched bool
	// Pool lends the ledger memory for one message. Reset returns the
	// memory. If nil, the ledger keeps its memory for the next message.
	Pool *Pool
	lent *memory
}

type field struct {
	shown      bool // by the MTA, rather than added
	deleted    bool
	changed    bool
	pin        pin
	name, text span   // in the arena, if shown
	newName    string // of an added or renamed field
	newValue   string // of an added or changed one
}

// pin fixes the position of an inserted field if the fields around it do not.
// Zero means no pin. A positive pin is one more than the number of fields above
// the new field that the MTA did not show.
type pin int

// atop is the position above all fields, including the MTA's own Received
// field.
const atop pin = -1

// renamed reports whether a filter renamed a field that the MTA showed.
func (f *field) renamed() bool { return f.shown && f.newName != "" }

// edited reports whether a field that the MTA showed was changed or renamed and
// not deleted.
func (f *field) edited() bool { return f.shown && !f.deleted && (f.changed || f.renamed()) }

// inserted reports whether the field has to be inserted at its position, below
// the MTA's own Received field.
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

// Show records a field that the MTA showed, below the fields shown before.
func (l *Ledger) Show(name, value []byte) ID {
	l.borrow()
	f := field{shown: true}
	f.name = l.store(name)
	f.text = l.store(value)
	l.shown++
	return l.insertField(len(l.order), f)
}

// Size returns the number of fields that the MTA showed and the bytes of their
// names and values.
func (l *Ledger) Size() (fields, bytes int) { return l.shown, len(l.arena) }

func (l *Ledger) store(b []byte) span {
	from := len(l.arena)
	l.arena = append(l.arena, b...)
	return span{from, len(l.arena)}
}

func (l *Ledger) insertField(at int, f field) ID {
	l.borrow()
	l.fields = append(l.fields, f)
	id := ID(len(l.fields))
	l.order = append(l.order, 0)
	copy(l.order[at+1:], l.order[at:])
	l.order[at] = id
	return id
}

// Name returns the current name of a field.
func (l *Ledger) Name(id ID) string {
	f := &l.fields[id-1]
	if f.newName != "" {
		return f.newName
	}
	return l.shownName(f)
}

func (l *Ledger) shownName(f *field) string { return string(l.arena[f.name.from:f.name.to]) }

func (l *Ledger) shownValue(f *field) string { return string(l.arena[f.text.from:f.text.to]) }

// Value returns the current value of a field.
func (l *Ledger) Value(id ID) string {
	f := &l.fields[id-1]
	if f.changed || !f.shown {
		return f.newValue
	}
	return l.shownValue(f)
}

// Fields iterates over the fields of the edited header, from top to bottom. The
// header must not be edited during the iteration.
func (l *Ledger) Fields(yield func(ID) bool) {
	for _, id := range l.order {
		if !l.fields[id-1].deleted && !yield(id) {
			return
		}
	}
}

// Nth returns the n-th field of a name in the edited header, counted from 1. It
// returns the zero ID if there is none.
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

// Blind reports whether the ledger is blind: the MTA shows no fields because no
// filter asked for them.
func (l *Ledger) Blind() bool { return l.shown == 0 && !l.Watched }

func (l *Ledger) is(id ID, name string) bool {
	f := &l.fields[id-1]
	if f.newName != "" {
		return ascii.EqualFold(f.newName, name)
	}
	return ascii.EqualFold(l.arena[f.name.from:f.name.to], name)
}
