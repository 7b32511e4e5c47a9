package headers

import "github.com/sluicemail/sluice/framework"

// header is the header of the message under way, as the rules so far leave it.
// What they did to it becomes the least edits in the end: see edits.go.
type header struct {
	names  map[string]nameID
	fields []field
	order  []int   // of fields, top to bottom, deleted ones included
	byName [][]int // the same by nameID, for the names that rules have
	stale  []bool  // lists of byName that are to be made anew
	used   []nameID
}

type field struct {
	name, value string
	id          nameID
	handle      framework.HeaderHandle
	wasName     string
	wasValue    string
	shown       bool // rather than added by a rule
	deleted     bool
	rest        bool // stands for all the fields that nobody looks at
}

// begin makes the header empty, for rules that name such fields.
func (h *header) begin(names map[string]nameID) {
	h.names = names
	if n := len(names) + 1; len(h.byName) != n {
		h.byName, h.stale = make([][]int, n), make([]bool, n)
	}
}

// reset leaves nothing of the message, and keeps memory of the usual size.
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

// show enters a field of the message.
func (h *header) show(f framework.Field) {
	h.append(field{name: f.Name, value: f.Value, handle: f.Handle, wasName: f.Name, wasValue: f.Value, shown: true})
}

// append enters a field below all others.
func (h *header) append(f field) {
	f.id = h.id(f.name)
	i := len(h.fields)
	h.fields = append(h.fields, f)
	h.order = append(h.order, i)
	if f.id == 0 {
		return
	}
	h.use(f.id)
	h.byName[f.id] = append(h.byName[f.id], i)
}

// insert enters a field above all others.
func (h *header) insert(name, value string) {
	h.append(field{name: name, value: value})
	last := len(h.order) - 1
	copy(h.order[1:], h.order[:last])
	h.order[0] = last
	h.disorder(h.fields[last].id)
}

// rename gives a field another name.
func (h *header) rename(i int, name string, id nameID) {
	f := &h.fields[i]
	f.name, f.id = name, id
	h.disorder(id)
}

// use notes that the list of a name is to be emptied after the message.
func (h *header) use(id nameID) {
	if len(h.byName[id]) == 0 && !h.stale[id] {
		h.used = append(h.used, id)
	}
}

func (h *header) disorder(id nameID) {
	h.use(id)
	h.stale[id] = true
}

// id returns the number of a name, and allocates nothing for one of the usual
// length.
func (h *header) id(name string) nameID {
	var buf [longestName]byte
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

// of returns the fields of a name, top to bottom. The list is good until the
// next call for that name.
func (h *header) of(id nameID) []int {
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
