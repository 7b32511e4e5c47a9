package headers

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// header is the header of the current message with the changes that the rules
// have made so far. At the end, run.edit sends these changes to the MTA with as
// few edits as possible.
type header struct {
	names  map[string]nameID
	fields []field
	order  []int    // indexes into fields, top to bottom, deleted fields included
	byName [][]int  // indexes into fields by nameID, for the names that rules use
	stale  []bool   // by nameID: the list in byName must be rebuilt
	used   []nameID // the names whose entry in byName or stale is in use
}

type field struct {
	name, value string
	id          nameID
	handle      framework.HeaderHandle
	oldName     string
	oldValue    string
	original    bool // part of the message, not added by a rule
	deleted     bool
	placeholder bool // represents all original fields if no rule reads the header
}

// begin prepares an empty header for rules that use the given field names.
func (h *header) begin(names map[string]nameID) {
	h.names = names
	if n := len(names) + 1; len(h.byName) != n {
		h.byName, h.stale = make([][]int, n), make([]bool, n)
	}
}

// reset forgets the message. It keeps the allocated memory unless an unusually
// large message has grown it.
func (h *header) reset() {
	const usual = 256
	for _, id := range h.used {
		h.byName[id], h.stale[id] = h.byName[id][:0], false
		if cap(h.byName[id]) > usual {
			h.byName[id] = nil
		}
	}
	clear(h.fields)
	h.fields, h.order, h.used = h.fields[:0], h.order[:0], h.used[:0]
	if cap(h.fields) > usual {
		h.fields, h.order = nil, nil
	}
	h.names = nil
}

// addOriginal adds a field of the message as the MTA sent it.
func (h *header) addOriginal(f framework.Field) {
	h.append(field{name: f.Name, value: f.Value, handle: f.Handle, oldName: f.Name, oldValue: f.Value, original: true})
}

// append adds a field below all others.
func (h *header) append(f field) {
	f.id = h.id(f.name)
	i := len(h.fields)
	h.fields = append(h.fields, f)
	h.order = append(h.order, i)
	if f.id == 0 {
		return
	}
	h.markUsed(f.id)
	h.byName[f.id] = append(h.byName[f.id], i)
}

// insert adds a field above all others.
func (h *header) insert(name, value string) {
	h.append(field{name: name, value: value})
	last := len(h.order) - 1
	copy(h.order[1:], h.order[:last])
	h.order[0] = last
	h.markStale(h.fields[last].id)
}

// rename changes the name of a field.
func (h *header) rename(i int, name string, id nameID) {
	f := &h.fields[i]
	f.name, f.id = name, id
	h.markStale(id)
}

// markUsed records that reset must clear the list of a name.
func (h *header) markUsed(id nameID) {
	if len(h.byName[id]) == 0 && !h.stale[id] {
		h.used = append(h.used, id)
	}
}

func (h *header) markStale(id nameID) {
	h.markUsed(id)
	h.stale[id] = true
}

// id returns the number of a field name, or 0 if no rule uses the name. It does
// not allocate.
func (h *header) id(name string) nameID {
	var buf [maxName]byte
	if len(name) > len(buf) {
		return 0
	}
	key := append(buf[:0], name...)
	for i, c := range key {
		if 'A' <= c && c <= 'Z' {
			key[i] = c + 'a' - 'A'
		}
	}
	return h.names[string(key)]
}

// indexes returns the indexes of the fields with a name, top to bottom. The
// list is valid until the next call for that name.
func (h *header) indexes(id nameID) []int {
	from := h.byName[id]
	if len(from) == 0 && !h.stale[id] {
		return nil
	}
	list := from[:0]
	if h.stale[id] {
		from, h.stale[id] = h.order, false
	}
	for _, i := range from {
		if f := &h.fields[i]; !f.deleted && f.id == id {
			list = append(list, i)
		}
	}
	h.byName[id] = list
	return list
}

// nameID is the number of a field name. 0 is a name that no rule uses.
type nameID int

// maxName limits the length of a field name, so that the first line also has
// room for the colon and a space.
const maxName = 76

// checkName checks a field name against RFC 5322 section 2.2.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the field name is empty")
	case len(name) > maxName:
		return fmt.Errorf("the field name %.20q… is longer than %d bytes", name, maxName)
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' }):
		return fmt.Errorf("%q is not a valid field name", name)
	}
	return nil
}

// lower converts ASCII letters to lower case. It leaves other letters alone,
// because MTAs compare names as ASCII. With Unicode case folding, a sender
// could disguise a field with letters such as the Kelvin sign, whose lower case
// is "k".
func lower(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}
