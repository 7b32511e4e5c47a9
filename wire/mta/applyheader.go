package mta

import (
	"math"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// line is a header field while it is edited.
type line struct {
	Field
	// own marks the Received of the MTA itself.
	own bool
	// unsent marks a field that Sendmail has in store, but does not send.
	unsent bool
	// deleted marks a field that Sendmail leaves in the list.
	deleted bool
	// jumped marks a field that Postfix jumps for.
	jumped bool
}

// split makes the list that indexes count in: the header, and in it the MTA's
// own Received, real or made up.
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
		e.lines = slices.Insert(e.lines, above+1, inStore()...)
	}
}

// join makes a message of the list again.
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

// add appends a field. Sendmail does so only when there is none of that name.
func (e *editor) add(name, value string) {
	if e.quirks.Has(AddAboveFirst) {
		e.addNearName(name, value)
		return
	}
	e.lines = append(e.lines, e.field(name, value))
}

// insert counts all fields, the MTA's own included. Past the end it appends.
func (e *editor) insert(r *wire.InsertHeader) {
	index := min(e.index(r.Index), len(e.lines))
	e.lines = slices.Insert(e.lines, index, e.field(r.Name, r.Value))
	e.jump(index)
}

// change changes the field of that name and index, deletes it when the value is
// empty, and adds it when there is none. Postfix spells the name anew too.
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

// remove deletes a field. Sendmail leaves a mark, which counts.
func (e *editor) remove(at int) {
	if e.quirks.Has(DeleteMarks) {
		e.lines[at].deleted = true
		return
	}
	e.lines = slices.Delete(e.lines, at, at+1)
}

// index reads an index as the MTA does: as a signed number by Sendmail, where
// those below zero mean zero.
func (e *editor) index(n uint32) int {
	if e.flavor == Sendmail && n > math.MaxInt32 {
		return 0
	}
	return int(n)
}

// find returns the place of the index-th field of that name, or -1. The MTA's own
// Received is passed over.
func (e *editor) find(name string, index int) int {
	for i, l := range e.lines {
		if l.own || l.unsent || !strings.EqualFold(l.Name, name) {
			continue
		}
		if index--; index == 0 {
			return i
		}
	}
	return -1
}

// args splits ESMTP arguments.
func args(s string) []string { return strings.Fields(s) }
