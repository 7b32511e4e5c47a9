package record

import (
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/framework/message"
)

// edited decodes an entry about what a filter modified.
func (d *decoder) edited() error {
	var (
		e     tape.Edit
		field tape.Field
		body  tape.Body
		i     int
	)
	kind := d.r.Kind()
	switch kind { //nolint:exhaustive // the others are not about edits
	case tape.KindEdit:
		e = d.r.Edit()
		i = e.Filter
	case tape.KindField:
		field = d.r.Field()
		i = field.Filter
	case tape.KindBody:
		body = d.r.Body()
		i = body.Filter
	default:
		i = d.r.Of()
	}
	if err := d.r.Err(); err != nil {
		return err
	}
	f, err := d.filterAt(i)
	if err != nil {
		return err
	}
	switch kind { //nolint:exhaustive // as above
	case tape.KindEdit:
		d.edit(f, &d.results[i], &e)
	case tape.KindField:
		if d.more() && !d.brief {
			res := &d.results[i]
			res.fields, res.placed = append(res.fields, Field{valid(field.Name), value(valid(field.Value))}), true
		}
	case tape.KindBody:
		f.Replaced, f.NewBodySize = true, body.Size
		if !d.brief {
			f.NewBody = slices.Clone(body.Data)
		}
	case tape.KindApplied:
		f.Applied = true
	case tape.KindMissing:
		f.Incomplete = true
	}
	return nil
}

// edit takes over a modification.
func (d *decoder) edit(f *Filter, res *filterResult, e *tape.Edit) {
	if e.Kind >= numEditKinds || !d.more() {
		return
	}
	res.edits = append(res.edits, *e)
	if d.brief {
		return
	}
	out := Edit{Kind: editKinds[e.Kind], Prepend: e.Kind == editInsert && e.Place == placePrepend}
	name, val := valid(e.Name), value(valid(e.Value))
	old := &Field{valid(e.OldName), value(valid(e.OldValue))}
	switch e.Kind {
	case editAppend:
		out.New = &Field{name, val}
	case editInsert:
		out.New = &Field{name, val}
		if e.Place == placeCounted {
			out.Above = e.Above
		}
	case editChange:
		out.Old, out.New = old, &Field{old.Name, val}
	case editDelete:
		out.Old = old
	case editRename:
		out.Old, out.New = old, &Field{name, old.Value}
	case editAddRcpt, editAddRcptPar, editDelRcpt, editSender:
		out.Address, out.Args = name, val
	case editQuarantine:
		out.Reason = val
	}
	f.Edits = append(f.Edits, out)
}

// valid returns a text as valid UTF-8.
func valid(s string) string { return strings.ToValidUTF8(s, "�") }

// maxShown bounds the fields of all headers as the filters left them. Beyond it the record is
// cut.
const maxShown = 500_000

// finishHeaders works out the header as each filter left it. If the record does not have
// it, the edits are applied to the header as the filter before left it.
func (d *decoder) finishHeaders() {
	m := d.msg
	if d.brief || m.Content == ContentNone {
		return
	}
	h, shown := header{fields: m.Header}, 0
	for i := range m.Filters {
		f, res := &m.Filters[i], &d.results[i]
		switch {
		case !f.Applied:
			continue
		case res.placed:
			h.replace(res.fields)
		case !h.apply(res.edits):
			continue
		}
		if shown += h.size(); shown > maxShown {
			m.Cut = true
			return
		}
		f.Header = h.all()
		f.Edits = placesOf(f.Edits, f.Header)
	}
}

// nth returns the place of the n-th field of a name, counted from 1, or -1.
func nth(header []Field, name string, n int) int {
	for i := range header {
		if strings.EqualFold(header[i].Name, name) {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

// placesOf sets the number of fields above each field that was added. Of equal fields, those
// that were appended are the last ones.
func placesOf(edits []Edit, header []Field) []Edit {
	type sizes struct{ name, value int } // so that no field is hashed that cannot be one of them
	added := make(map[sizes]bool)
	for i := range edits {
		if f := edits[i].New; f != nil {
			added[sizes{len(f.Name), len(f.Value)}] = true
		}
	}
	places := make(map[Field][]int)
	for at, field := range header {
		if added[sizes{len(field.Name), len(field.Value)}] {
			places[field] = append(places[field], at)
		}
	}
	for i := range edits {
		e := &edits[i]
		if e.New == nil {
			continue
		}
		left := places[*e.New]
		switch last := len(left) - 1; {
		case last < 0:
		case e.Kind == editKinds[editAppend]:
			e.Above, places[*e.New] = left[last], left[:last]
		case e.Kind == editKinds[editInsert]:
			e.Above, places[*e.New] = left[0], left[1:]
		}
	}
	return edits
}

// subject returns the decoded subject of a header, or "".
func subject(header []Field) string {
	at := nth(header, "Subject", 1)
	if at < 0 {
		return ""
	}
	raw := strings.TrimSpace(message.Unfold(header[at].Value))
	decoded, err := message.Decode(raw)
	if err != nil {
		decoded = raw
	}
	return shortened(valid(decoded))
}
