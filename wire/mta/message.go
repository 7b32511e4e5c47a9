package mta

import (
	"bytes"
	"maps"
	"slices"

	"github.com/sluicemail/sluice/wire"
)

// Message is an SMTP session with one message. A field that is zero defaults to
// a value that a real MTA could send.
type Message struct {
	// Client is the SMTP client that sends the message.
	Client Client
	// Helo is the name by which the client identifies itself.
	Helo string
	// Sender is the envelope sender. It defaults to "<>".
	Sender Address
	// Recipients are the envelope recipients, in order.
	Recipients []Recipient
	// Received is the field that the MTA itself adds to the header and
	// hides from filters. If nil, [Message.Bytes] leaves the field out.
	Received *Field
	// Above is the number of fields of Header above Received. It is zero
	// unless a filter inserted fields there.
	Above int
	// Header holds the header fields that filters see, in order.
	Header []Field
	// Body has lines ended by CRLF.
	Body []byte
	// Cuts are offsets in ascending order. A body chunk ends at each of
	// them, in addition to the places where the MTA cuts the body.
	Cuts []int
	// Macros are sent before the events of their stage. If the filter
	// requests other macros, their values are looked up in that stage and
	// the earlier ones. A nil map means the macros that the MTA sends by
	// default: see [DefaultMacros] and [SendmailMacros].
	Macros map[wire.MacroStage][]Macro
	// ExtraMacros are added to Macros or to the MTA's default macros. They
	// replace macros of the same name and stage.
	ExtraMacros map[wire.MacroStage][]Macro
	// QueueID is the MTA's identifier for the message. It is the value of
	// the macro i among the default macros. It defaults to an identifier in
	// the MTA's format.
	QueueID string
}

// Client is an SMTP client.
type Client struct {
	// Host is the client's name, or its address in square brackets.
	Host string
	// Family defaults to FamilyInet with Addr 192.0.2.1.
	Family wire.Family
	Addr   string
	Port   uint16
}

// Address is an envelope address, usually in angle brackets, and the ESMTP
// arguments that follow it.
type Address struct {
	Addr string
	Args []string
}

// Recipient is an envelope recipient.
type Recipient struct {
	Addr string
	Args []string
	// Refusal is the MTA's own SMTP reply, such as "550 5.1.1 unknown
	// user", if the MTA refused the recipient. A filter sees that recipient
	// only if SMFIP_RCPT_REJ was negotiated, and its reply to it has no
	// effect.
	Refusal string
}

// Field is a header field.
type Field struct {
	Name string
	// Value is everything after the colon, including the space, without the
	// final line end. Lines are separated by LF.
	Value string
}

// clone returns a copy that can be changed without changing m.
func (m *Message) clone() *Message {
	c := *m
	c.Sender.Args = slices.Clone(m.Sender.Args)
	c.Recipients = slices.Clone(m.Recipients)
	c.Header = slices.Clone(m.Header)
	c.Body = bytes.Clone(m.Body)
	c.Macros, c.ExtraMacros = maps.Clone(m.Macros), maps.Clone(m.ExtraMacros)
	return &c
}

// withNames returns a copy with default names and addresses for zero fields.
func (m *Message) withNames() *Message {
	c := *m
	setDefault(&c.Client.Host, "client.example.org")
	if c.Client.Family == 0 {
		c.Client.Family = wire.FamilyInet
		setDefault(&c.Client.Addr, "192.0.2.1")
		setDefault(&c.Client.Port, 54321)
	}
	setDefault(&c.Helo, "client.example.org")
	setDefault(&c.Sender.Addr, "<>")
	return &c
}

// withDefaults returns a copy with default values for all zero fields.
func (m *Message) withDefaults(cfg Config) *Message {
	c := m.withNames()
	switch {
	case c.Macros != nil:
	case cfg.Quirks.Has(FewMacros):
		c.Macros = fewMacros(c)
	case cfg.Quirks.Has(FixedMacros):
		c.Macros = fixedMacros(c)
	case cfg.Flavor == Sendmail:
		c.Macros = SendmailMacros(c)
	case cfg.Flavor == Plain:
		c.Macros = plainMacros(c, cfg.Quirks.Has(QueueIDLate))
	default:
		c.Macros = DefaultMacros(c)
	}
	if cfg.Quirks.Has(OtherName) && m.Macros == nil {
		c.Macros = mergeMacros(c.Macros, map[wire.MacroStage][]Macro{wire.MacroConnect: {{"v", "Postcow 3.7.11"}}})
	}
	c.Macros, c.ExtraMacros = mergeMacros(c.Macros, c.ExtraMacros), nil
	return c
}

// mergeMacros returns the macros of lists and extra. Those of extra replace
// macros of the same name and stage.
func mergeMacros(lists, extra map[wire.MacroStage][]Macro) map[wire.MacroStage][]Macro {
	if len(extra) == 0 {
		return lists
	}
	all := maps.Clone(lists)
	if all == nil {
		all = make(map[wire.MacroStage][]Macro)
	}
	for stage, list := range extra {
		kept := slices.DeleteFunc(slices.Clone(all[stage]), func(m Macro) bool {
			return slices.ContainsFunc(list, func(other Macro) bool { return other.Name == m.Name })
		})
		all[stage] = append(kept, list...)
	}
	return all
}
