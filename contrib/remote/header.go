package remote

import (
	"errors"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/wire"
)

// header is the header that the milter was shown, with its edits so far. A milter names
// fields by number, and the numbers depend on its edits before, so that they are made here
// first. What differs at the end is written by handles.
type header struct {
	lane         *lane
	raw          bool // values begin right after the colon
	countDeleted bool
	lines        []*line
}

// line is a field of the header.
type line struct {
	framework.Field
	own       bool // the Received of the MTA, which the milter was not shown
	unknown   bool // all fields of a header that is not kept
	added     bool
	changed   bool
	respelled bool // the change gave the name other letters
	deleted   bool
	shown     framework.Field // as the milter was shown it
	number    int             // of the field, from 1 at the top
}

func newHeader(l *lane, s *framework.Session, raw bool) *header {
	h := &header{lane: l, raw: raw, countDeleted: l.filter.cfg.CountDeleted, lines: []*line{{own: true}}}
	if !l.kept {
		h.lines = append(h.lines, &line{unknown: true})
		return h
	}
	for f := range l.header.All(s) {
		h.lines = append(h.lines, &line{Field: f, shown: f})
	}
	return h
}

// errNoPlace reports an insertion in a header that was not kept.
var errNoPlace = errors.New("the milter declined the header and inserts a field in the middle of it; " +
	"set Config.Wishes without SMFIP_NOHDRS")

// edit makes an edit of the milter.
func (h *header) edit(r wire.Reply) error {
	switch r := r.(type) {
	case *wire.AddHeader:
		h.append(added(r.Name, r.Value))
	case *wire.InsertHeader:
		return h.insert(r)
	case *wire.ChangeHeader:
		h.change(r)
	}
	return nil
}

func (h *header) append(l *line) { h.lines = append(h.lines, l) }

// added returns a field that the milter adds.
func added(name, value string) *line {
	return &line{Field: framework.Field{Name: name, Value: value}, added: true}
}

// pastEnd is an index at which milters append a field.
const pastEnd = 1000

// insert inserts a field. As on Postfix, the index counts the MTA's own Received and the
// fields that were inserted before.
func (h *header) insert(r *wire.InsertHeader) error {
	at := 0
	for left := r.Index; at < len(h.lines) && left > 0; at++ {
		l := h.lines[at]
		switch {
		case l.unknown && r.Index < pastEnd:
			return errNoPlace
		case h.counts(l):
			left--
		}
	}
	h.lines = slices.Insert(h.lines, at, added(r.Name, r.Value))
	return nil
}

// counts reports whether an index counts the line.
func (h *header) counts(l *line) bool { return !l.deleted || h.countDeleted }

// change changes the field of the given name and number, or deletes it if the value is
// empty. If there is no such field, change adds one, as MTAs do.
func (h *header) change(r *wire.ChangeHeader) {
	l := h.find(r.Name, max(r.Index, 1))
	switch {
	case l == nil && r.Value != "":
		h.append(added(r.Name, r.Value))
	case l == nil:
	case r.Value == "":
		l.deleted = true
	default:
		l.Value, l.changed, l.deleted = r.Value, true, false
		l.respelled = l.respelled || l.Name != r.Name
		l.Name = r.Name
	}
}

func (h *header) find(name string, n uint32) *line {
	for _, l := range h.lines {
		if !l.own && h.counts(l) && l.Is(name) {
			if n--; n == 0 {
				return l
			}
		}
	}
	return nil
}

// write asks for the edits that make the message's header equal to this one.
func (h *header) write(s *framework.Session) error {
	for _, l := range h.lines {
		if err := h.writeChange(s, l); err != nil {
			return err
		}
	}
	h.lines = slices.DeleteFunc(h.lines, func(l *line) bool { return l.deleted })
	own := slices.IndexFunc(h.lines, func(l *line) bool { return l.own })
	if err := h.writeBelow(s, h.lines[own+1:]); err != nil {
		return err
	}
	for _, l := range slices.Backward(h.lines[:own]) {
		if err := h.prepend(s, l); err != nil {
			return err
		}
	}
	return nil
}

// writeChange writes the change of a field that the milter was shown.
func (h *header) writeChange(s *framework.Session, l *line) error {
	switch {
	case l.added:
		return nil
	case l.deleted:
		return h.lane.grants.change.Delete(s, l.Handle)
	case !l.changed:
		return nil
	}
	if l.respelled && h.lane.grants.rename.Granted(s) {
		if err := h.lane.grants.rename.Rename(s, l.Handle, l.Name); err != nil {
			return err
		}
	}
	value, raw := h.value(l)
	if raw {
		return h.lane.grants.change.ChangeRaw(s, l.Handle, value)
	}
	return h.lane.grants.change.Change(s, l.Handle, value)
}

// writeBelow writes the fields that were added below the MTA's own Received: those above
// all other fields from the last to the first, those among the others by their number, and
// those at the end.
func (h *header) writeBelow(s *framework.Session, lines []*line) error {
	top := slices.IndexFunc(lines, func(l *line) bool { return !l.added })
	top = max(top, 0) // without other fields, all are at the end
	bottom := len(lines)
	for bottom > top && lines[bottom-1].added {
		bottom--
	}
	for _, l := range slices.Backward(lines[:top]) {
		if err := h.insertTop(s, l); err != nil {
			return err
		}
	}
	for i := top; i < len(lines); i++ {
		var err error
		switch {
		case !lines[i].added:
		case i < bottom:
			err = h.insertAt(s, i, lines[i])
		default:
			err = h.appendField(s, lines[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *header) prepend(s *framework.Session, l *line) error {
	value, raw := h.value(l)
	if raw {
		return h.lane.grants.add.PrependRaw(s, l.Name, value)
	}
	return h.lane.grants.add.Prepend(s, l.Name, value)
}

// insertTop inserts a field below the MTA's own Received. A value that does not begin with
// a space needs a place that is counted.
func (h *header) insertTop(s *framework.Session, l *line) error {
	value, raw := h.value(l)
	if raw && h.lane.kept {
		return h.lane.grants.insert.InsertRaw(s, 0, l.Name, value)
	}
	return h.lane.grants.add.InsertTop(s, l.Name, value)
}

func (h *header) insertAt(s *framework.Session, above int, l *line) error {
	value, raw := h.value(l)
	if raw {
		return h.lane.grants.insert.InsertRaw(s, above, l.Name, value)
	}
	return h.lane.grants.insert.Insert(s, above, l.Name, value)
}

func (h *header) appendField(s *framework.Session, l *line) error {
	value, raw := h.value(l)
	if raw {
		return h.lane.grants.add.AppendRaw(s, l.Name, value)
	}
	return h.lane.grants.add.Append(s, l.Name, value)
}

// value returns the value of a field that the milter wrote, and whether it begins right
// after the colon. MTAs mend a value that a message cannot have; so does value.
func (h *header) value(l *line) (value string, raw bool) {
	value = l.Value
	if message.FieldValueProblem(value) != "" {
		value = message.CleanFieldValue(value)
	}
	rest, spaced := strings.CutPrefix(value, " ")
	if h.raw && spaced && rest != "" {
		return rest, false
	}
	return value, h.raw
}
