//go:build integration

package integration_test

import (
	"fmt"
	"slices"
	"strings"
)

// letter is a message and the edits that a filter must make to it.
type letter struct {
	id     string
	fields []field
	body   string // lines ended by CRLF
	rcpts  []string
	orders []order
	early  int // so many of the orders are given at the end of the headers

	// These fields are set for a letter that an earlier filter has edited.
	above  int      // so many of the fields stand above the MTA's own Received
	before *outcome // what the other filter made of the envelope
	next   *letter  // what the filter behind this one sees
}

// field is a header field. raw is the text after the colon, with lines
// separated by LF.
type field struct{ name, raw string }

// order is one modification.
type order struct {
	op    op
	at    int // the field that is meant, as the message came
	by    way // how the filter names it
	above int // where to insert
	name  string
	value string // or an address, or a body
	args  []string
}

type op string

const (
	opAppend     op = "append"
	opInsert     op = "insert"
	opTop        op = "insert at the top"
	opAbove      op = "insert above"
	opBelow      op = "insert below"
	opChange     op = "change"
	opDelete     op = "delete"
	opRename     op = "rename"
	opSender     op = "sender"
	opAddRcpt    op = "add recipient"
	opDelRcpt    op = "delete recipient"
	opBody       op = "body"
	opBodyReader op = "body from reader"
	opQuarantine op = "quarantine"
)

type way string

const (
	byHandle way = "handle"  // of the Header event
	byList   way = "headers" // of Headers.All
	byNumber way = "number"  // NthHeader
)

// outcome is the expected delivered message.
type outcome struct {
	data       string // with "Received: MTA" in the place of the MTA's own
	sender     string
	senderArgs string
	rcpts      []string // "address NAME=value", sorted
	held       bool

	fields []field // what a filter behind sees
	above  int
	body   string
}

// slot is a field while the orders are applied.
type slot struct {
	origin  int // the number of the field, or -1
	below   int // the number of the field below which it was inserted, or -1
	name    string
	value   string // of a changed or added field
	changed bool
	deleted bool // but still a place
	own     bool // the MTA's own Received
}

// apply returns the expected result for the letter. It does not model the
// protocol: the header is a list, and the orders are applied one by one.
func (l *letter) apply() outcome {
	var list []slot
	for i, f := range l.fields {
		if i == l.above {
			list = append(list, slot{origin: -1, below: -1, own: true})
		}
		list = append(list, slot{origin: i, below: -1, name: f.name})
	}
	if l.above == len(l.fields) {
		list = append(list, slot{origin: -1, below: -1, own: true})
	}
	out := outcome{sender: l.id + "@example.org", rcpts: slices.Clone(l.rcpts)}
	if l.before != nil {
		out = *l.before
		out.rcpts = slices.Clone(out.rcpts)
	}
	body := l.body
	for _, o := range l.orders {
		switch o.op {
		case opAppend, opInsert, opTop, opAbove, opBelow:
			list = slices.Insert(list, place(list, o), o.slot())
		case opChange, opRename, opDelete:
			o.edit(list)
		case opBody, opBodyReader:
			body = strings.ReplaceAll(strings.ReplaceAll(o.value, "\r\n", "\n"), "\n", "\r\n")
		default:
			out.envelope(o)
		}
	}
	own := slices.IndexFunc(list, func(s slot) bool { return s.own })
	over, under := l.render(list[:own]), l.render(list[own+1:])
	out.fields, out.above, out.body = slices.Concat(over, under), len(over), body
	out.data = text(over) + "Received: MTA\r\n" + text(under) + "\r\n" + ended(body)
	slices.Sort(out.rcpts)
	return out
}

// slot returns the field that the order adds.
func (o order) slot() slot {
	s := slot{origin: -1, below: -1, name: o.name, value: o.value, changed: true}
	if o.op == opBelow {
		s.below = o.at
	}
	return s
}

// place returns where an order adds a field.
func place(list []slot, o order) int {
	own := slices.IndexFunc(list, func(s slot) bool { return s.own })
	anchor := slices.IndexFunc(list, func(s slot) bool { return s.origin == o.at })
	switch {
	case o.op == opTop:
		return own + 1
	case o.op == opAbove:
		return anchor
	case o.op == opBelow:
		for i, s := range list {
			if s.below == o.at {
				anchor = i
			}
		}
		return anchor + 1
	case o.op == opInsert && o.above < 0:
		return 0
	case o.op == opInsert:
		above := o.above
		for i, s := range list {
			switch {
			case s.own:
			case above == 0 && (i > own || !s.deleted):
				return i
			case !s.deleted:
				above--
			}
		}
	}
	return len(list)
}

// edit changes, renames or deletes a field that is still there.
func (o order) edit(list []slot) {
	at := slices.IndexFunc(list, func(s slot) bool { return s.origin == o.at && !s.deleted })
	switch {
	case at < 0:
	case o.op == opChange:
		list[at].value, list[at].changed = o.value, true
	case o.op == opRename:
		list[at].name = o.name
	default:
		list[at].deleted = true
	}
}

func (out *outcome) envelope(o order) {
	is := func(rcpt string) bool { return rcpt == o.value || strings.HasPrefix(rcpt, o.value+" ") }
	switch o.op {
	case opSender:
		out.sender, out.senderArgs = o.value, strings.Join(o.args, " ")
	case opAddRcpt:
		if !slices.ContainsFunc(out.rcpts, is) {
			out.rcpts = append(out.rcpts, strings.TrimSpace(o.value+" "+strings.Join(o.args, " ")))
		}
	case opDelRcpt:
		out.rcpts = slices.DeleteFunc(out.rcpts, is)
	case opQuarantine:
		out.held = true
	}
}

// render returns the fields as they must be delivered. An unedited field is
// unchanged. Any other field has a space after the colon. Setting the value that
// the filter saw is not a change.
func (l *letter) render(list []slot) []field {
	var fields []field
	for _, s := range list {
		raw := " " + s.value
		if s.origin >= 0 {
			was := l.fields[s.origin]
			switch same := !s.changed || s.value == shown(was.raw); {
			case same && s.name == was.name:
				raw = was.raw
			case same:
				raw = " " + shown(was.raw)
			}
		}
		if !s.deleted {
			fields = append(fields, field{s.name, raw})
		}
	}
	return fields
}

// text returns fields in the form of a message.
func text(fields []field) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.name + ":" + strings.ReplaceAll(f.raw, "\n", "\r\n") + "\r\n")
	}
	return b.String()
}

// shown returns a value as the filter sees it.
func shown(raw string) string { return strings.TrimPrefix(raw, " ") }

// ended returns a body as SMTP delivers it, with a line end after the last
// line.
func ended(body string) string {
	if body == "" || strings.HasSuffix(body, "\r\n") {
		return body
	}
	return body + "\r\n"
}

// data returns the message as the client sends it.
func (l *letter) data() []byte { return []byte(text(l.fields) + "\r\n" + l.body) }

// behind returns the letter as the next filter sees it, with the orders of that
// filter.
func (l *letter) behind(orders []order) *letter {
	out := l.apply()
	return &letter{
		id: l.id, fields: out.fields, above: out.above, body: out.body, rcpts: l.rcpts, before: &out, orders: orders,
	}
}

// last returns the letter as the last filter sees it.
func (l *letter) last() *letter {
	if l.next == nil {
		return l
	}
	return l.next.last()
}

// String returns the letter in a form from which it can be reproduced.
func (l *letter) String() string {
	var b strings.Builder
	for _, f := range l.fields {
		fmt.Fprintf(&b, "field %q %.80q\n", f.name, f.raw)
	}
	fmt.Fprintf(&b, "body %.60q (%d bytes)\n", l.body, len(l.body))
	for i, o := range l.orders {
		when := "end of message"
		if i < l.early {
			when = "end of headers"
		}
		fmt.Fprintf(&b, "at %s: %s", when, o.op)
		switch o.op {
		case opChange, opDelete, opRename, opAbove, opBelow:
			fmt.Fprintf(&b, " of field %d by %s", o.at, o.by)
		case opInsert:
			fmt.Fprintf(&b, " below %d", o.above)
		}
		fmt.Fprintf(&b, " name %q value %.80q args %q\n", o.name, o.value, o.args)
	}
	if l.next != nil {
		fmt.Fprintf(&b, "and then, in the next lane\n%v", l.next)
	}
	return b.String()
}
