package mta

import (
	"bytes"
	"maps"
	"slices"

	"github.com/sluicemail/sluice/wire"
)

// Message is an SMTP session with one message in it. A field that is left zero
// gets a value that a real MTA could send.
type Message struct {
	// Client is who sends the message.
	Client Client
	// Helo is the client's name for itself.
	Helo string
	// Sender is the envelope sender; "<>" if empty.
	Sender Address
	// Recipients are the envelope recipients, in order.
	Recipients []Recipient
	// Received is the field that the MTA itself puts into the header and
	// hides from filters. Nil stands for one that [Message.Bytes] leaves out.
	Received *Field
	// Above is how many fields of Header stand above Received: none, unless
	// a filter inserted some.
	Above int
	// Header holds the header fields that filters see, in order.
	Header []Field
	// Body has lines ended by CRLF.
	Body []byte
	// Cuts are offsets, in ascending order, at which the body is cut into
	// chunks besides where the MTA cuts it.
	Cuts []int
	// Macros are sent before the events of their stage. Where the filter
	// asks for others, they are looked for in that stage and those before
	// it. A nil map stands for what the MTA sends by default; see
	// [DefaultMacros] and [SendmailMacros].
	Macros map[wire.MacroStage][]Macro
	// ExtraMacros join Macros, or what the MTA sends by default, stage by
	// stage, and take the place of those of the same name there.
	ExtraMacros map[wire.MacroStage][]Macro
	// QueueID is the MTA's name for the message, the macro i among what it
	// sends by default. If empty, it is one such as that MTA makes.
	QueueID string
}

// Client is an SMTP client.
type Client struct {
	// Host is its name, or its address in square brackets.
	Host string
	// Family is FamilyInet if zero, and Addr then 192.0.2.1.
	Family wire.Family
	Addr   string
	Port   uint16
}

// Address is an envelope address, usually in angle brackets, with the ESMTP
// arguments that followed it.
type Address struct {
	Addr string
	Args []string
}

// Recipient is an envelope recipient.
type Recipient struct {
	Addr string
	Args []string
	// Refusal is the MTA's own SMTP reply, such as "550 5.1.1 unknown
	// user", when the MTA refused the recipient. Filters see that recipient
	// only with SMFIP_RCPT_REJ, and it never counts.
	Refusal string
}

// Field is a header field.
type Field struct {
	Name string
	// Value is everything after the colon, the space included, but without
	// the last line end. Lines are separated by LF.
	Value string
}

// clone returns a copy that can be changed.
func (m *Message) clone() *Message {
	c := *m
	c.Sender.Args = slices.Clone(m.Sender.Args)
	c.Recipients = slices.Clone(m.Recipients)
	c.Header = slices.Clone(m.Header)
	c.Body = bytes.Clone(m.Body)
	c.Macros, c.ExtraMacros = maps.Clone(m.Macros), maps.Clone(m.ExtraMacros)
	return &c
}

// named returns a copy with names and addresses for what was left zero.
func (m *Message) named() *Message {
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

// filled returns a copy with values for all that was left zero.
func (m *Message) filled(cfg Config) *Message {
	c := m.named()
	switch {
	case c.Macros != nil:
	case cfg.Flavor == Sendmail:
		c.Macros = SendmailMacros(c)
	case cfg.Flavor == Plain:
		c.Macros = plainMacros(c, cfg.Quirks.Has(QueueIDLate))
	default:
		c.Macros = DefaultMacros(c)
	}
	c.Macros, c.ExtraMacros = joined(c.Macros, c.ExtraMacros), nil
	return c
}

// joined returns the macros of lists with those of extra in the place of their
// namesakes.
func joined(lists, extra map[wire.MacroStage][]Macro) map[wire.MacroStage][]Macro {
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
