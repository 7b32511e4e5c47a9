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

// other is what the filter did that a shadow is compared with.
type other struct {
	Decision

	decided     bool
	failed      bool
	endedBefore bool // another filter ended the message before this one decided
	at          framework.Stage
	unseen      bool // the milter did not see the event at which this one refused
	refused     []refusal
	edits       []Edit
	message     uint64
	queueID     string
	err         error // why the shadow did not see the whole message
}

// size returns the memory that it takes until the milter has answered.
func (o *other) size() (n int) {
	for i := range o.edits {
		n += editCost + len(o.edits[i].Name) + len(o.edits[i].Value)
	}
	for i := range o.refused {
		n += editCost + len(o.refused[i].addr)
	}
	return n
}

// compare compares what the milter did with what the other filter did, and ends the message.
func (w *worker) compare(o *other) {
	msg, sh := w.message, w.mirror.shadow
	if !msg.ended {
		w.abort()
	}
	w.message = shadowWork{}
	d := &Difference{
		Filter: w.mirror.lane.filter.cfg.Name, Of: sh.Of, Session: w.id, Message: o.message, QueueID: o.queueID,
	}
	if d.Err = cmp.Or(w.lost, msg.err, o.err); d.Err != nil {
		w.mirror.report(w.log, d)
		sh.counts.failed.Add(1)
		return
	}
	d.Milter, d.Other = msg.verdict, o.Decision
	if w.client.Verdict != framework.Continue {
		d.Milter = w.client
	}
	if o.failed || o.endedBefore && d.Milter.Stage >= o.at || o.unseen && d.Milter.passes() {
		sh.counts.undecided.Add(1)
		return
	}
	decided := msg.ended || d.Milter.Verdict != framework.Continue
	if decided && o.decided && d.Milter.passes() && o.passes() {
		d.Extra, d.Missing = differences(sh.normal(msg.edits), sh.normal(o.edits))
	}
	d.Verdict = !d.Milter.same(o.Decision)
	if !d.Verdict || min(d.Milter.Stage, o.Stage) > framework.StageRcpt {
		d.Recipients = aboutRecipients(msg.refused, o.refused)
	}
	switch {
	case d.Differs():
		w.mirror.report(w.log, d)
		sh.counts.differed.Add(1)
		sh.counts.compared.Add(1)
	case o.decided && decided:
		sh.counts.compared.Add(1)
	default:
		sh.counts.undecided.Add(1)
	}
}

// aboutRecipients returns the recipients about whom two lists of refusals differ.
func aboutRecipients(milter, other []refusal) (list []RefusedRecipient) {
	left := slices.Clone(other)
	for _, r := range milter {
		i := slices.IndexFunc(left, func(o refusal) bool { return o.addr == r.addr })
		var v framework.Verdict
		if i >= 0 {
			v = left[i].verdict
			left = slices.Delete(left, i, i+1)
		}
		if v.String() != r.verdict.String() {
			list = append(list, RefusedRecipient{r.addr, r.verdict, v})
		}
	}
	for _, o := range left {
		list = append(list, RefusedRecipient{Address: o.addr, Other: o.verdict})
	}
	return list
}

// normal returns the edits without what does not matter.
func (sh *shadow) normal(edits []Edit) []Edit {
	if sh.Normalize == nil {
		return edits
	}
	var list []Edit
	for _, e := range edits {
		if e, matters := sh.Normalize(e); matters {
			list = append(list, e)
		}
	}
	return list
}

// differences returns the edits that only one of two lists has. If the lists have the same edits
// in another order, it returns both.
func differences(milter, other []Edit) (extra, missing []Edit) {
	if slices.Equal(milter, other) {
		return nil, nil
	}
	count := make(map[Edit]int)
	for _, e := range other {
		count[e]++
	}
	for _, e := range milter {
		if count[e]--; count[e] < 0 {
			extra = append(extra, e)
		}
	}
	for _, e := range slices.Backward(other) {
		if count[e] > 0 {
			count[e]--
			missing = append(missing, e)
		}
	}
	slices.Reverse(missing)
	if len(extra)+len(missing) == 0 {
		return milter, other
	}
	return extra, missing
}

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
