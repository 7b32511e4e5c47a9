package mta

import (
	"slices"

	"github.com/sluicemail/sluice/wire"
)

// Apply returns the message that an MTA delivers after the given modifications.
// It does not change m. p holds the negotiated protocol bits. Without
// SMFIP_HDR_LEADSPC, Apply puts a space after every colon.
//
// The index of an insertion counts the Received field that the MTA itself
// added. In a message that the filter has not changed, index 0 is above that
// field and index 1 is below it. If the message leaves that field out, the two
// indexes look alike. The index of a change never counts that field.
//
// Sendmail keeps seven more fields below its Received field, which it sends if
// the message lacks them. An insertion counts these too, so that its indexes
// from 1 to 8 are the same place. Sendmail adds a field above the first one of
// the same name. Apply does the same, with one exception: it does not add a
// Date, From or Message-Id to a message that lacks one, because that is not a
// modification by the filter. Apply also returns messages that Postfix would
// lose: see [ManyEditsLost].
//
// The error is a *[wire.ProtocolError] if mods contains a reply that is not a
// modification.
func Apply(m *Message, mods []wire.Reply, f Flavor, p wire.Protocol) (*Message, error) {
	e, err := apply(m, mods, Config{Flavor: f}.withDefaults(), p)
	if err != nil {
		return nil, err
	}
	return e.msg, nil
}

// Apply is like the function [Apply] for an MTA with further quirks than those of a flavor.
// lost reports whether the MTA cannot deliver the message: see [ManyEditsLost].
func (c Config) Apply(m *Message, mods []wire.Reply, p wire.Protocol) (edited *Message, lost bool, err error) {
	c = c.withDefaults()
	e, err := apply(m, mods, c, p)
	if err != nil {
		return nil, false, err
	}
	return e.msg, c.Quirks.Has(ManyEditsLost) && e.tooMany(), nil
}

func apply(m *Message, mods []wire.Reply, cfg Config, p wire.Protocol) (*editor, error) {
	e := &editor{msg: m.clone(), flavor: cfg.Flavor, quirks: cfg.Quirks, space: " "}
	if p.Has(wire.ProtoHdrLeadSpc) {
		e.space = ""
	}
	e.split()
	for _, r := range mods {
		if err := e.apply(r); err != nil {
			return nil, err
		}
	}
	e.join()
	return e, nil
}

// editor applies modifications to a message.
type editor struct {
	msg    *Message
	flavor Flavor
	quirks Quirks
	space  string
	lines  []line
	body   []byte
	edited bool
	jumps  jumps
}

func (e *editor) apply(r wire.Reply) error {
	switch r := r.(type) {
	case *wire.AddHeader:
		e.add(r.Name, r.Value)
	case *wire.InsertHeader:
		e.insert(r)
	case *wire.ChangeHeader:
		e.change(r)
	case *wire.ReplaceBody:
		e.body, e.edited = append(e.body, r.Chunk...), true
	case *wire.ChangeFrom:
		e.msg.Sender = Address{Addr: r.Sender, Args: args(r.Args)}
	case *wire.AddRcpt:
		e.addRcpt(Recipient{Addr: r.Recipient})
	case *wire.AddRcptPar:
		e.addRcpt(Recipient{Addr: r.Recipient, Args: args(r.Args)})
	case *wire.DelRcpt:
		e.delRcpt(r.Recipient)
	case *wire.Quarantine: // does not change the message, but for one MTA
		if e.quirks.Has(QuarantineField) {
			e.lines = slices.Insert(e.lines, 0, e.field("X-Quarantine", r.Reason))
		}
	default:
		return &wire.ProtocolError{Message: r.ReplyCode().String(), Reason: "not a modification"}
	}
	return nil
}

// addRcpt adds a recipient. If the message has that recipient already, Postfix
// delivers to it twice and Sendmail delivers once.
func (e *editor) addRcpt(r Recipient) {
	if e.quirks.Has(AddRcptTwice) || !slices.ContainsFunc(e.msg.Recipients, sameAddress(r.Addr)) {
		e.msg.Recipients = append(e.msg.Recipients, r)
	}
}

func (e *editor) delRcpt(addr string) {
	e.msg.Recipients = slices.DeleteFunc(e.msg.Recipients, sameAddress(addr))
}

// sameAddress compares addresses as the MTAs do: it ignores the angle brackets
// and is otherwise exact.
func sameAddress(addr string) func(Recipient) bool {
	return func(r Recipient) bool { return bare(r.Addr) == bare(addr) }
}
