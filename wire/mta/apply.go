package mta

import (
	"slices"

	"github.com/sluicemail/sluice/wire"
)

// Apply returns the message as an MTA delivers it after the modifications. The
// message itself stays as it is. The protocol bits are those that were
// negotiated: without SMFIP_HDR_LEADSPC a space is put after every colon.
//
// The MTA's own Received counts for inserting: at first, index 0 puts a field
// above it and index 1 below, which looks the same when it is left out of the
// message. It does not count for changing, wherever it stands.
//
// Sendmail keeps seven more fields below its Received, for messages that lack
// them, and counts them when it inserts: its indexes from 1 to 8 are the same
// place. It adds a field above the first of that name. Apply plays both, but it
// does not add a Date, From or Message-Id to a message without, which is no
// modification. It delivers what Postfix would lose: see [ManyEditsLost].
//
// The error is a *[wire.ProtocolError] when mods holds what is no modification.
func Apply(m *Message, mods []wire.Reply, f Flavor, p wire.Protocol) (*Message, error) {
	e, err := apply(m, mods, Config{Flavor: f}.withDefaults(), p)
	if err != nil {
		return nil, err
	}
	return e.msg, nil
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

// editor is a message while it is edited.
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
	case *wire.Quarantine: // holds the message, and leaves it as it is
	default:
		return &wire.ProtocolError{Message: r.ReplyCode().String(), Reason: "not a modification"}
	}
	return nil
}

// addRcpt adds a recipient. Postfix then delivers twice to one that was there
// already, which Sendmail does not.
func (e *editor) addRcpt(r Recipient) {
	if e.quirks.Has(AddRcptTwice) || !slices.ContainsFunc(e.msg.Recipients, sameAddress(r.Addr)) {
		e.msg.Recipients = append(e.msg.Recipients, r)
	}
}

func (e *editor) delRcpt(addr string) {
	e.msg.Recipients = slices.DeleteFunc(e.msg.Recipients, sameAddress(addr))
}

// sameAddress compares as the MTAs do: exactly, but for the angle brackets.
func sameAddress(addr string) func(Recipient) bool {
	return func(r Recipient) bool { return bare(r.Addr) == bare(addr) }
}
