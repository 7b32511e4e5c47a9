package trial

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Edits are the differences between the message as it came and as it is delivered. The order
// of fields is that of the header.
type Edits struct {
	// Added, Changed and Deleted are header fields.
	Added   []Field
	Changed []Change
	Deleted []Field
	// AddedRecipients and DeletedRecipients are addresses without brackets.
	AddedRecipients, DeletedRecipients []string
	// Sender is set if the filters gave the message another sender. That is in Result.Sender.
	Sender bool
	// Body is set if the filters replaced the body.
	Body bool
}

// Change is a header field that was changed.
type Change struct{ Before, After Field }

// None reports whether the message is delivered as it came.
func (e *Edits) None() bool {
	return len(e.Added)+len(e.Changed)+len(e.Deleted)+len(e.AddedRecipients)+len(e.DeletedRecipients) == 0 && !e.Sender && !e.Body
}

// find sets the edits of a message that is delivered.
func (e *Edits) find(msg *mta.Message, out *mta.Outcome, flavor mta.Flavor, p wire.Protocol) error {
	for _, mod := range out.Modifications {
		switch mod.(type) {
		case *wire.ChangeFrom:
			e.Sender = true
		case *wire.ReplaceBody:
			e.Body = true
		}
	}
	e.AddedRecipients = without(out.Edited.Recipients, out.Accepted)
	e.DeletedRecipients = without(out.Accepted, out.Edited.Recipients)
	return e.findFields(msg, out.Modifications, flavor, p)
}

// without returns the addresses of a list that are not in another. An address that a list has
// twice counts twice.
func without(list, others []mta.Recipient) (rest []string) {
	count := make(map[string]int)
	for _, addr := range addresses(others) {
		count[addr]++
	}
	for _, addr := range addresses(list) {
		if count[addr]--; count[addr] < 0 {
			rest = append(rest, addr)
		}
	}
	return rest
}

// findFields finds the edits of the header. The package mta applies them to a copy of the
// header in which each value ends in a tag. The tags show which field is which: two fields may
// be equal.
func (e *Edits) findFields(msg *mta.Message, mods []wire.Reply, flavor mta.Flavor, p wire.Protocol) error {
	tagged := &mta.Message{Header: slices.Clone(msg.Header)}
	for i := range tagged.Header {
		tagged.Header[i].Value += tagOf(i)
	}
	edited, err := mta.Apply(tagged, taggedMods(mods), flavor, p)
	if err != nil {
		return fmt.Errorf("trial: %w", err)
	}
	next := 0 // the first field of the message that was not found yet
	var fresh []taggedField
	for _, f := range edited.Header {
		t := untag(f)
		if t.original < 0 {
			fresh = append(fresh, t)
			continue
		}
		e.between(msg.Header[next:t.original], fresh)
		next, fresh = t.original+1, nil
	}
	e.between(msg.Header[next:], fresh)
	return nil
}

// between compares the fields between two that stayed: those that the message had, and those
// that it has now.
func (e *Edits) between(gone []Field, fresh []taggedField) {
	gone = slices.Clone(gone)
	for _, f := range fresh {
		at := slices.IndexFunc(gone, func(g Field) bool { return strings.EqualFold(g.Name, f.Name) })
		if !f.changed || at < 0 {
			e.Added = append(e.Added, f.Field)
			continue
		}
		e.Changed = append(e.Changed, Change{Before: gone[at], After: f.Field})
		gone = slices.Delete(gone, at, at+1)
	}
	e.Deleted = append(e.Deleted, gone...)
}

// The tags of values. A value has no NUL itself: it would end there.
const (
	tagMark   = "\x00"
	addedTag  = tagMark + "added"
	changeTag = tagMark + "changed"
)

func tagOf(original int) string { return tagMark + strconv.Itoa(original) }

// taggedField is a field whose tag was removed.
type taggedField struct {
	Field
	original int  // the index in the message as it came, or -1
	changed  bool // the value is that of a change
}

func untag(f Field) taggedField {
	value, tag, _ := strings.Cut(f.Value, tagMark)
	t := taggedField{Field: Field{Name: f.Name, Value: value}, original: -1, changed: tagMark+tag == changeTag}
	if n, err := strconv.Atoi(tag); err == nil {
		t.original = n
	}
	return t
}

// taggedMods returns the modifications of the header, with tags at the ends of the values.
func taggedMods(mods []wire.Reply) (list []wire.Reply) {
	for _, mod := range mods {
		switch mod := mod.(type) {
		case *wire.AddHeader:
			list = append(list, &wire.AddHeader{Name: mod.Name, Value: mod.Value + addedTag})
		case *wire.InsertHeader:
			list = append(list, &wire.InsertHeader{Index: mod.Index, Name: mod.Name, Value: mod.Value + addedTag})
		case *wire.ChangeHeader:
			tagged := &wire.ChangeHeader{Index: mod.Index, Name: mod.Name}
			if mod.Value != "" { // an empty value deletes the field
				tagged.Value = mod.Value + changeTag
			}
			list = append(list, tagged)
		}
	}
	return list
}
