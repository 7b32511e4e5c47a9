package remote

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// edits returns the edits that the milter asks for.
func (e *shadowEnd) edits() ([]Edit, error) {
	if err := e.header.lane.checkNumber(e.mods); err != nil {
		return nil, err
	}
	e.header.raw = e.raw
	var env envelopeEdits
	var body [][]byte
	for _, r := range e.mods {
		switch r := r.(type) {
		case *wire.AddHeader, *wire.InsertHeader, *wire.ChangeHeader:
			if err := e.header.edit(r); err != nil {
				return nil, fmt.Errorf("remote: the milter's %v: %w", r.ReplyCode(), err)
			}
		case *wire.ReplaceBody:
			body = append(body, r.Chunk)
		case *wire.AddRcpt:
			env.recipient("addrcpt", r.Recipient, "")
		case *wire.AddRcptPar:
			env.recipient("addrcpt", r.Recipient, r.Args)
		case *wire.DelRcpt:
			env.recipient("delrcpt", r.Recipient, "")
		case *wire.ChangeFrom:
			env.sender = &Edit{Kind: "chgfrom", Name: bare(r.Sender), Value: args(r.Args)}
		case *wire.Quarantine:
			env.quarantine = &Edit{Kind: "quarantine", Value: r.Reason}
		}
	}
	if body != nil {
		env.body = bodyEdit(digest(body))
	}
	return append(e.header.edits(), env.list()...), nil
}

// digest returns the SHA-256 and the length of a body in chunks, with its lines ended by CRLF.
func digest(chunks [][]byte) (sum [sha256.Size]byte, size int64) {
	h := sha256.New()
	var last byte
	write := func(p []byte) {
		size += int64(len(p))
		_, _ = h.Write(p) // it returns no error
		if len(p) > 0 {
			last = p[len(p)-1]
		}
	}
	for _, chunk := range chunks {
		for line := range bytes.Lines(chunk) {
			text, ends := bytes.CutSuffix(line, []byte("\n"))
			if write(text); !ends {
				continue
			}
			if last != '\r' {
				write([]byte("\r"))
			}
			write([]byte("\n"))
		}
	}
	h.Sum(sum[:0])
	return sum, size
}

func bodyEdit(sum [sha256.Size]byte, size int64) *Edit {
	return &Edit{Kind: "replacebody", Value: fmt.Sprintf("%d bytes, SHA-256 %x", size, sum)}
}

// edits returns the edits of the header: first what becomes of the fields that the milter was
// shown, then the fields that it adds, each from top to bottom.
func (h *header) edits() []Edit {
	var changed, added []Edit
	above := -1
	for _, l := range h.lines {
		switch {
		case l.own:
			above = 0
		case l.added:
			value, raw := h.value(l)
			added = append(added, Edit{"addheader", l.Name, text(framework.Field{Name: l.Name, Raw: value}, raw), above})
		case l.deleted:
			changed = append(changed, Edit{"delheader", l.shown.Name, text(l.shown, true), l.number})
		default:
			if l.changed {
				value, raw := h.value(l)
				changed = appendChange(changed, l.shown, framework.Field{Name: l.Name, Raw: value}, raw, l.number)
			}
			above++
		}
	}
	return append(changed, added...)
}

// appendChange appends the change of a field, if it changes anything.
func appendChange(list []Edit, old, changed framework.Field, raw bool, number int) []Edit {
	e := Edit{"chgheader", changed.Name, text(changed, raw), number}
	if old.Name == e.Name && text(old, true) == e.Value {
		return list
	}
	return append(list, e)
}

// text returns what follows the colon of a field in the message. raw means that the field has
// all of it.
func text(f framework.Field, raw bool) string {
	line := string(f.AppendWire(nil))
	value := strings.ReplaceAll(strings.TrimSuffix(line[strings.IndexByte(line, ':')+1:], "\r\n"), "\r\n", "\n")
	if !raw {
		value = " " + value
	}
	return value
}

// editsOf returns the edits that the other filter asked for. places has the numbers of the fields
// that both were shown.
func editsOf(res *framework.FilterResult, places map[framework.HeaderHandle]int) []Edit {
	var env envelopeEdits
	var added []framework.Modification
	changes := make(map[framework.HeaderHandle]*fieldChange)
	var order []*fieldChange
	for mod := range res.Modifications() {
		switch mod.Kind {
		case "addheader", "insheader":
			added = append(added, mod)
		case "chgheader", "delheader", "renheader":
			if mod.Old.Handle == (framework.HeaderHandle{}) {
				continue // the message has no such field
			}
			c := changes[mod.Old.Handle]
			if c == nil {
				c = &fieldChange{old: mod.Old, to: mod.Old, number: places[mod.Old.Handle]}
				changes[mod.Old.Handle] = c
				order = append(order, c)
			}
			c.apply(&mod)
		case "addrcpt", "addrcpt_par":
			env.recipient("addrcpt", mod.Address, mod.Args)
		case "delrcpt":
			env.recipient("delrcpt", mod.Address, "")
		case "chgfrom":
			env.sender = &Edit{Kind: "chgfrom", Name: bare(mod.Address), Value: args(mod.Args)}
		case "replacebody":
			env.body = bodyEdit(mod.BodyDigest())
		case "quarantine":
			env.quarantine = &Edit{Kind: "quarantine", Value: mod.Reason}
		}
	}
	return append(inHeaderOrder(added, order), env.list()...)
}

// fieldChange is what becomes of a field that both filters were shown.
type fieldChange struct {
	old, to framework.Field
	number  int
	deleted bool
}

func (c *fieldChange) apply(m *framework.Modification) {
	switch m.Kind {
	case "delheader":
		c.deleted = true
	case "renheader":
		c.to.Name = m.New.Name
		c.to.Handle = framework.HeaderHandle{} // it has the old name
	default:
		name := c.to.Name
		c.to, c.deleted = m.New, false
		c.to.Name = name
	}
}

// inHeaderOrder returns the edits of the header as header.edits returns those of the milter.
func inHeaderOrder(added []framework.Modification, changes []*fieldChange) (list []Edit) {
	slices.SortStableFunc(changes, func(a, b *fieldChange) int { return cmp.Compare(a.number, b.number) })
	for _, c := range changes {
		if c.deleted {
			list = append(list, Edit{"delheader", c.old.Name, text(c.old, true), c.number})
		} else {
			list = appendChange(list, c.old, c.to, true, c.number)
		}
	}
	slices.SortStableFunc(added, func(a, b framework.Modification) int { return cmp.Compare(a.Above, b.Above) })
	for i, m := range added {
		place := m.Above - i // the others above it were added, too
		if m.Prepended {
			place = -1
		}
		list = append(list, Edit{"addheader", m.New.Name, text(m.New, true), place})
	}
	return list
}

// envelopeEdits are the edits of a message other than those of its header.
type envelopeEdits struct {
	sender, body, quarantine *Edit
	recipients               map[string]Edit // by address
}

// recipient records that a recipient is added or deleted. The last edit of each counts.
func (e *envelopeEdits) recipient(kind, addr, esmtp string) {
	if e.recipients == nil {
		e.recipients = make(map[string]Edit)
	}
	name := bare(addr)
	e.recipients[name] = Edit{Kind: kind, Name: name, Value: args(esmtp)}
}

// list returns the edits in a fixed order.
func (e *envelopeEdits) list() []Edit {
	list := slices.SortedFunc(maps.Values(e.recipients), func(a, b Edit) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	for _, edit := range []*Edit{e.sender, e.body, e.quarantine} {
		if edit != nil {
			list = append(list, *edit)
		}
	}
	return list
}

// bare returns an address without angle brackets, with its domain in lower case.
func bare(addr string) string {
	addr = strings.TrimSuffix(strings.TrimPrefix(addr, "<"), ">")
	if at := strings.LastIndexByte(addr, '@'); at >= 0 {
		return addr[:at] + strings.ToLower(addr[at:])
	}
	return addr
}

// args returns ESMTP arguments, separated by one space.
func args(esmtp string) string { return strings.Join(strings.Fields(esmtp), " ") }
