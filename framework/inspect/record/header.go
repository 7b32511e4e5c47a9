package record

import (
	"strings"
	"unicode"

	"github.com/sluicemail/sluice/framework/internal/tape"
)

// header is a header to which edits are applied. A message may have thousands of fields, and a
// filter may edit each, so that no edit may look at all fields.
type header struct {
	fields []Field // the header, if it has no edits yet
	list   sequence
	named  map[string]*sequence // the fields of each name, by foldedName
	// prepended is the number of fields that were added above the MTA's own Received, which the
	// MTA does not show.
	prepended int
}

// field is a field of a header.
type field struct {
	Field
	placed, among *element // in header.list and in the list of its name
}

// replace takes over the header as a filter left it.
func (h *header) replace(fields []Field) {
	h.fields, h.list, h.named = fields, sequence{}, nil
}

// size returns the number of fields.
func (h *header) size() int {
	if h.named == nil {
		return len(h.fields)
	}
	return h.list.size()
}

// all returns the fields.
func (h *header) all() []Field {
	if h.named == nil {
		return h.fields
	}
	fields := make([]Field, 0, h.size())
	for f := range h.list.all() {
		fields = append(fields, f.Field)
	}
	return fields
}

// apply applies the edits of a filter. It reports whether one of them is an edit of the header.
func (h *header) apply(edits []tape.Edit) (changed bool) {
	for i := range edits {
		if e := &edits[i]; e.Kind <= editRename {
			changed = true
			h.edit(e)
		}
	}
	return changed
}

func (h *header) edit(e *tape.Edit) {
	h.index()
	added := Field{valid(e.Name), value(valid(e.Value))}
	switch e.Kind {
	case editAppend:
		h.insert(h.size(), added)
		return
	case editInsert:
		switch e.Place {
		case placePrepend:
			h.insert(0, added)
			h.prepended++
		case placeCounted:
			h.insert(e.Above, added)
		default:
			h.insert(h.prepended, added)
		}
		return
	}
	f := h.nth(e.OldName, max(1, e.Above))
	switch {
	case f == nil:
	case e.Kind == editChange:
		f.Value = added.Value
	case e.Kind == editRename:
		h.leave(f)
		f.Name = added.Name
		h.join(f, f.placed.place())
	case e.Kind == editDelete:
		h.leave(f)
		h.list.remove(f.placed)
	}
}

// index makes the lists before the first edit.
func (h *header) index() {
	if h.named != nil {
		return
	}
	h.named = make(map[string]*sequence)
	for i := range h.fields {
		h.insert(i, h.fields[i])
	}
	h.fields = nil
}

// insert inserts a field, or appends it if there are fewer fields above.
func (h *header) insert(above int, added Field) {
	f := &field{Field: added}
	above = min(above, h.list.size())
	f.placed = h.list.insert(above, f)
	h.join(f, above)
}

// join adds a field to those of its name.
func (h *header) join(f *field, above int) {
	name := foldedName(f.Name)
	same := h.named[name]
	if same == nil {
		same = new(sequence)
		h.named[name] = same
	}
	from, to := 0, same.size() // the number of those above
	if to > 0 && same.at(to-1).placed.place() < above {
		from = to // most are appended
	}
	for from < to {
		middle := (from + to) / 2
		if same.at(middle).placed.place() < above {
			from = middle + 1
		} else {
			to = middle
		}
	}
	f.among = same.insert(from, f)
}

// leave removes a field from those of its name.
func (h *header) leave(f *field) { h.named[foldedName(f.Name)].remove(f.among) }

// nth returns the n-th field of a name, counted from 1, or nil.
func (h *header) nth(name string, n int) *field {
	same := h.named[foldedName(name)]
	if same == nil || n > same.size() {
		return nil
	}
	return same.at(n - 1).field
}

// foldedName returns the form that all names have that strings.EqualFold takes for the same.
func foldedName(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, name)
}
