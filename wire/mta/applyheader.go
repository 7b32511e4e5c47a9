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
	// deleted marks a field that Sendmail leaves in the list.
	deleted bool
}

// split makes the list that indexes count in: the MTA's own Received, real or
// made up, and the header.
func (e *editor) split() {
	own := Field{Name: "Received"}
	if e.msg.Received != nil {
		own = *e.msg.Received
	}
	e.lines = []line{{Field: own, own: true}}
	for _, f := range e.msg.Header {
		e.lines = append(e.lines, line{Field: f})
	}
}

// join makes a message of the list again.
func (e *editor) join() {
	madeUp := e.msg.Received == nil
	e.msg.Received, e.msg.Header = nil, nil
	for _, l := range e.lines {
		if !l.deleted && (!l.own || !madeUp) {
			e.msg.Header = append(e.msg.Header, l.Field)
		}
	}
	if !madeUp && len(e.msg.Header) > 0 {
		e.msg.Received, e.msg.Header = &e.msg.Header[0], e.msg.Header[1:]
	}
	if e.edited {
		e.msg.Body = withCRLF(e.body)
	}
}

func (e *editor) field(name, value string) line {
	return line{Field: Field{Name: name, Value: e.space + value}}
}

func (e *editor) add(name, value string) { e.lines = append(e.lines, e.field(name, value)) }

// insert counts all fields, the MTA's own included. Past the end it appends.
func (e *editor) insert(r *wire.InsertHeader) {
	index := min(e.index(r.Index), len(e.lines))
	e.lines = slices.Insert(e.lines, index, e.field(r.Name, r.Value))
}

// change changes the field of that name and index, deletes it when the value is
// empty, and adds it when there is none.
func (e *editor) change(r *wire.ChangeHeader) {
	at := e.find(r.Name, max(e.index(r.Index), 1))
	switch {
	case at < 0 && r.Value != "":
		e.add(r.Name, r.Value)
	case at < 0:
	case r.Value != "":
		e.lines[at].Value, e.lines[at].deleted = e.space+r.Value, false
	case e.flavor == Sendmail:
		e.lines[at].deleted = true
	default:
		e.lines = slices.Delete(e.lines, at, at+1)
	}
}

// index reads an index as the MTA does: as a signed number by Sendmail, where
// those below zero mean zero.
func (e *editor) index(n uint32) int {
	if e.flavor == Sendmail && n > math.MaxInt32 {
		return 0
	}
	return int(n)
}

// find returns the place of the index-th field of that name, or -1. Postfix
// passes over whatever is at the top, and Sendmail over its own Received.
func (e *editor) find(name string, index int) int {
	for i, l := range e.lines {
		hidden := l.own
		if e.flavor == Postfix {
			hidden = i == 0
		}
		if hidden || !strings.EqualFold(l.Name, name) {
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
