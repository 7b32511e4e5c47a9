package headers

import (
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
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

	families families
	inFamily []members // by family
	version  int       // counts the changes of names and places
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
	added       bool // by an earlier filter of the router
	atop        bool // a new field above the Received field of the MTA
	beside      bool // a new field above another one
}

// begin prepares an empty header for rules that use the given field names and families.
func (h *header) begin(names map[string]nameID, families families) {
	h.names, h.families = names, families
	if len(h.inFamily) != len(families.prefixes) {
		h.inFamily = make([]members, len(families.prefixes))
	}
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
	h.resetFamilies(usual)
	h.names, h.families = nil, families{}
}

// addOriginal adds a field of the message as the MTA sent it.
func (h *header) addOriginal(f framework.Field) {
	h.append(field{name: f.Name, value: f.Value, handle: f.Handle, oldName: f.Name, oldValue: f.Value, original: true, added: f.Origin.Added()})
}

// append adds a field below all others.
func (h *header) append(f field) {
	f.id = h.id(f.name)
	i := len(h.fields)
	h.fields = append(h.fields, f)
	h.order = append(h.order, i)
	h.version++
	if f.id == 0 {
		return
	}
	h.markUsed(f.id)
	h.byName[f.id] = append(h.byName[f.id], i)
}

// insertAt adds a field at an index in h.order.
func (h *header) insertAt(at int, f field) {
	h.append(f)
	last := len(h.order) - 1
	copy(h.order[at+1:], h.order[at:last])
	h.order[at] = last
	h.version++
	h.markStale(h.fields[last].id)
}

// belowTop returns the index in h.order below the new fields that go above the Received
// field of the MTA.
func (h *header) belowTop() (at int) {
	for at < len(h.order) && h.fields[h.order[at]].atop {
		at++
	}
	return at
}

// rename changes the name of a field.
func (h *header) rename(i int, name string, id nameID) {
	f := &h.fields[i]
	f.name, f.id = name, id
	h.version++
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

// indexes returns the indexes of the fields with a name, or of a family, top to bottom.
// The list is valid until the next call for that name or family.
func (h *header) indexes(id nameID) []int {
	if id < 0 {
		return h.ofFamily(id)
	}
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

// nameID is the number of a field name. 0 is a name that no rule uses. A negative number
// is a family of names.
type nameID int

// maxName limits the length of a field name, so that the first line also has
// room for the colon and a space.
const maxName = 76

// checkName checks a field name against RFC 5322 section 2.2.
func checkName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("the field name %.20q… is longer than %d bytes; write a shorter one", name, maxName)
	}
	switch {
	case strings.Contains(name, "{{"):
		return fmt.Errorf("%q: a field name is not a template; write the name itself", name)
	case strings.ContainsAny(name, "*?"):
		return wildcardError(name)
	case strings.HasSuffix(name, ":"):
		return fmt.Errorf("%q is not a valid field name; write it without the colon", name)
	}
	return message.CheckFieldName(name)
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
