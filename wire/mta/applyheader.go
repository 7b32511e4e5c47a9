package mta

import (
	"math"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// line is one entry of the editor's list of header fields.
type line struct {
	Field
	// own marks the Received field that the MTA itself added.
	own bool
	// unsent marks a field that Sendmail keeps in its list and does not
	// send.
	unsent bool
	// deleted marks a deleted field that Sendmail keeps in its list.
	deleted bool
	// jumped marks a field that Postfix has to jump to in its queue file.
	jumped bool
}

// split builds the list that indexes count in. It consists of the header and
// the MTA's own Received field. If the message has no such field, an empty one
// stands in for it.
func (e *editor) split() {
	own := line{own: true}
	if e.msg.Received != nil {
		own.Field = *e.msg.Received
	}
	for _, f := range e.msg.Header {
		e.lines = append(e.lines, line{Field: f})
	}
	above := min(max(e.msg.Above, 0), len(e.lines))
	e.lines = slices.Insert(e.lines, above, own)
	if e.quirks.Has(HiddenFieldsCount) {
		e.lines = slices.Insert(e.lines, above+1, storedFields()...)
	}
}

// join builds the message's header and body from the editor's state.
func (e *editor) join() {
	e.msg.Header = nil
	for _, l := range e.lines {
		switch {
		case l.own:
			e.msg.Above = len(e.msg.Header)
		case !l.deleted && !l.unsent:
			e.msg.Header = append(e.msg.Header, l.Field)
		}
	}
	if e.edited {
		e.msg.Body = withCRLF(e.body)
	}
}

func (e *editor) field(name, value string) line {
	return line{Field: Field{Name: name, Value: e.space + value}}
}

// add appends a field. Sendmail appends only if there is no field of that name, and Maddy
// never does.
func (e *editor) add(name, value string) {
	if e.quirks.Has(TopFields) {
		e.lines = slices.Insert(e.lines, 0, e.field(name, value))
		return
	}
	if e.quirks.Has(AddAboveFirst) {
		e.addNearName(name, value)
		return
	}
	e.lines = append(e.lines, e.field(name, value))
}

// insert inserts a field. The index counts all fields of the list, including
// the MTA's own. An index beyond the end appends the field.
func (e *editor) insert(r *wire.InsertHeader) {
	index := min(e.index(r.Index), len(e.lines))
	if e.quirks.Has(TopFields) {
		index = 0
	}
	e.lines = slices.Insert(e.lines, index, e.field(r.Name, r.Value))
	e.jump(index)
}

// change changes the field of the given name and index. An empty value deletes
// the field. If there is no such field, change adds one. Postfix also replaces
// the spelling of the name.
func (e *editor) change(r *wire.ChangeHeader) {
	at := e.find(r.Name, max(e.index(r.Index), 1))
	switch {
	case at < 0 && r.Value != "":
		e.add(r.Name, r.Value)
	case at < 0:
	case r.Value == "":
		e.remove(at)
	case e.flavor == Sendmail:
		e.lines[at].Value, e.lines[at].deleted = e.space+r.Value, false
	default:
		e.lines[at] = e.field(r.Name, r.Value)
		e.jump(at)
	}
}

// remove deletes a field. Sendmail only marks the field as deleted, so that
// indexes still count it.
func (e *editor) remove(at int) {
	if e.quirks.Has(DeleteMarks) {
		e.lines[at].deleted = true
		return
	}
	e.lines = slices.Delete(e.lines, at, at+1)
}

// index interprets an index as the MTA does. Sendmail reads a signed number and
// treats a negative one as zero.
func (e *editor) index(n uint32) int {
	if e.flavor == Sendmail && n > math.MaxInt32 {
		return 0
	}
	return int(n)
}

// find returns the position of the index-th field of the given name, or -1. It
// skips the MTA's own Received field.
func (e *editor) find(name string, index int) int {
	for i, l := range e.lines {
		if l.own || l.unsent || !sameName(l.Name, name) {
			continue
		}
		if index--; index == 0 {
			return i
		}
	}
	return -1
}

// sameName reports whether two field names are equal. Like an MTA, it ignores the case of
// ASCII letters only: the long s, which Unicode folds to "s", makes another name.
func sameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// args splits ESMTP arguments.
func args(s string) []string { return strings.Fields(s) }
