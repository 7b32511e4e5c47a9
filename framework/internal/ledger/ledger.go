package ledger

import (
	"strings"

	"github.com/sluicemail/sluice/framework/internal/ascii"
)

// ID identifies a field of one message. It does not change when other fields
// are edited. The zero ID identifies no field.
type ID int

// Ledger is the header of one message with the edits to it. The zero value is
// an empty header. A Ledger is not safe for concurrent use.
type Ledger struct {
	memory
	shown  int // how many fields the MTA showed
	filter int // whose edits are made, or 0

	// LeadSpace means that the MTA shows values with their leading space
	// (SMFIP_HDR_LEADSPC). Reset keeps it.
	LeadSpace bool
	// CRLF means that the MTA writes values into the message as they are, so that
	// their lines must be separated by CRLF instead of LF. Reset keeps it.
	CRLF bool
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
	name, text []byte // if shown
	newName    string // of an added or renamed field
	newValue   string // of an added or changed one
	below      ID     // the field below which it was inserted, if so
	filter     int    // that added it
	writer     int    // the filter that gave it its value, or 0
}

// pin fixes the position of an added field if the fields around it do not: the
// MTA may have shown none.
type pin uint8

const (
	unpinned pin = iota
	top          // right below the MTA's own Received field
	atop         // above all fields, including that one
)

// beside returns the pin of a field that is inserted beside one with the pin p.
func (p pin) beside() pin {
	if p == atop {
		return atop
	}
	return unpinned
}

// shownName returns the name that the MTA showed.
func (f *field) shownName() string { return string(f.name) }

// shownValue returns the value that the MTA showed.
func (f *field) shownValue() string { return string(f.text) }

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

// Reset makes the ledger empty.
func (l *Ledger) Reset() {
	l.empty()
	l.shown, l.filter = 0, 0
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
func (l *Ledger) Size() (fields, bytes int) { return l.shown, l.stored }

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
	return f.shownName()
}

// HasName reports whether the current name of a field is a name, without regard to case. It does
// not allocate.
func (l *Ledger) HasName(id ID, name string) bool {
	f := &l.fields[id-1]
	if f.newName != "" {
		return ascii.EqualFold(f.newName, name)
	}
	return ascii.EqualFold(f.name, name)
}

// Value returns the current value of a field. A renamed field has a space after
// the colon, because the MTA inserts one unless it shows leading spaces.
func (l *Ledger) Value(id ID) string {
	f := &l.fields[id-1]
	if f.changed || !f.shown {
		return f.newValue
	}
	value := f.shownValue()
	if l.LeadSpace && f.renamed() && !strings.HasPrefix(value, " ") {
		return " " + value
	}
	return value
}

// Writer returns the number of the filter that gave a field its value, or 0 if the
// value is the one that the MTA showed.
func (l *Ledger) Writer(id ID) int { return l.fields[id-1].writer }

// Shown returns the value that the MTA showed, and whether it showed the field.
func (l *Ledger) Shown(id ID) (string, bool) {
	f := &l.fields[id-1]
	return f.shownValue(), f.shown
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

// At returns the field at a place of the header, counted from 0. Deleted fields have
// places too, for which the ID is zero. ok is false below the last place.
func (l *Ledger) At(place int) (id ID, ok bool) {
	if place >= len(l.order) {
		return 0, false
	}
	if id = l.order[place]; l.fields[id-1].deleted {
		return 0, true
	}
	return id, true
}

// Original is a header as the MTA showed it. Unlike a Ledger, it may be read while the ledger
// that made it is edited, until that is reset.
type Original []field

// Original returns the header without the edits. All fields must have been shown before the
// first edit.
func (l *Ledger) Original() Original { return l.fields[:l.shown:l.shown] }

// At returns the field at a place of the header, counted from 0. ok is false below the last
// place. An edit writes to a field, but never to the name and the value that the MTA showed.
func (o Original) At(place int) (name, value []byte, ok bool) {
	if place >= len(o) {
		return nil, nil, false
	}
	return o[place].name, o[place].text, true
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

func (l *Ledger) is(id ID, name string) bool {
	f := &l.fields[id-1]
	if f.newName != "" {
		return ascii.EqualFold(f.newName, name)
	}
	return ascii.EqualFold(f.name, name)
}
