package framework

import (
	"github.com/sluicemail/sluice/framework/internal/ledger"
	"github.com/sluicemail/sluice/wire"
)

// Header is the event of [StageHeader]: one field of the message's header.
type Header struct {
	msg   wire.Header
	id    ledger.ID
	owner *Session
	name  string
	value string

	named, valued bool // name and value are in force

	view   HeaderView
	viewed view
}

// Is reports whether the field is called name, without regard to case. It is
// the cheap question to ask first.
func (e *Header) Is(name string) bool { return equalFold(e.msg.Name, name) }

// Name returns the field's name as the message spells it, or as a view shows it.
func (e *Header) Name() string {
	if e.view != nil {
		return e.viewName()
	}
	return e.RawName()
}

// RawName returns the field's name as the message spells it.
func (e *Header) RawName() string {
	if !e.named {
		e.name, e.named = string(e.msg.Name), true
	}
	return e.name
}

// Value returns what stands after the colon, without one leading space. The
// lines of a folded value are separated by LF: removing each LF unfolds it. A
// view that middleware has set may show it otherwise.
func (e *Header) Value() string {
	if e.view != nil {
		return e.viewValue()
	}
	return e.plainValue()
}

func (e *Header) plainValue() string { return withLF(e.owner.shownValue(e.Raw())) }

// Raw returns what stands after the colon byte by byte, the leading space
// included where the router asked for it with [Router.WantRawHeaders].
func (e *Header) Raw() string {
	if !e.valued {
		e.value, e.valued = string(e.msg.Value), true
	}
	return e.value
}

// Handle returns what changes, renames or deletes this field. It is valid
// until the message ends.
func (e *Header) Handle() HeaderHandle {
	return HeaderHandle{id: e.id, owner: e.owner, message: e.owner.message, name: e.RawName()}
}

// Field returns the field as [KeptHeader] does, its name and value as a view shows
// them. It may be retained.
func (e *Header) Field() Field { return Field{e.Name(), e.Value(), e.Raw(), e.Handle()} }

// Stage implements [Event].
func (*Header) Stage() Stage { return StageHeader }
func (*Header) sealed()      {}
