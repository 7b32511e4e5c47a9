package mta

import (
	"bytes"
	"fmt"

	"github.com/sluicemail/sluice/wire"
)

// edits collects the modifications of one message, in the order received.
type edits struct {
	list     []wire.Reply
	size     int
	body     bool // the list has a chunk of a new body
	bodyDone bool // another modification came after it
}

// actionOf returns the action that must have been negotiated for a
// modification, or false if r is not a modification.
func actionOf(r wire.Reply) (wire.Actions, bool) {
	switch r.ReplyCode() {
	case wire.RepAddHeader, wire.RepInsHeader:
		return wire.ActionAddHdrs, true
	case wire.RepChgHeader:
		return wire.ActionChgHdrs, true
	case wire.RepReplBody:
		return wire.ActionChgBody, true
	case wire.RepAddRcpt:
		return wire.ActionAddRcpt, true
	case wire.RepAddRcptPar:
		return wire.ActionAddRcptPar, true
	case wire.RepDelRcpt:
		return wire.ActionDelRcpt, true
	case wire.RepChgFrom:
		return wire.ActionChgFrom, true
	case wire.RepQuarantine:
		return wire.ActionQuarantine, true
	default:
		return 0, false
	}
}

// edit records a modification, or returns an error if it is not allowed.
func (c *Conn) edit(e *edits, action wire.Actions, r wire.Reply) error {
	name := r.ReplyCode().String()
	switch {
	case e == nil:
		return c.violation(name, "modification before the end of the message")
	case !c.negotiated.Actions.Has(action):
		return c.violation(name, action.String()+" was not negotiated")
	case e.splitsBody(r):
		return c.violation(name, "other modifications between chunks of the body")
	}
	if e.size += editSize(r); e.size > c.cfg.MaxEdits {
		return c.violation(name, fmt.Sprintf("more modifications than the %d bytes of MaxEdits", c.cfg.MaxEdits))
	}
	if chunk, ok := r.(*wire.ReplaceBody); ok {
		chunk.Chunk = bytes.Clone(chunk.Chunk)
	}
	e.list = append(e.list, r)
	return nil
}

// splitsBody reports whether r is a chunk of a new body whose earlier chunks
// are followed by another modification.
func (e *edits) splitsBody(r wire.Reply) bool {
	if r.ReplyCode() != wire.RepReplBody {
		e.bodyDone = e.body
		return false
	}
	e.body = true
	return e.bodyDone
}

// editSize returns roughly the memory that r takes.
func editSize(r wire.Reply) int {
	const overhead = 64
	switch r := r.(type) {
	case *wire.ReplaceBody:
		return overhead + len(r.Chunk)
	case *wire.AddHeader:
		return overhead + len(r.Name) + len(r.Value)
	case *wire.InsertHeader:
		return overhead + len(r.Name) + len(r.Value)
	case *wire.ChangeHeader:
		return overhead + len(r.Name) + len(r.Value)
	case *wire.AddRcpt:
		return overhead + len(r.Recipient)
	case *wire.AddRcptPar:
		return overhead + len(r.Recipient) + len(r.Args)
	case *wire.DelRcpt:
		return overhead + len(r.Recipient)
	case *wire.ChangeFrom:
		return overhead + len(r.Sender) + len(r.Args)
	case *wire.Quarantine:
		return overhead + len(r.Reason)
	default:
		return overhead
	}
}
