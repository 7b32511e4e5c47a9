package wire

import "fmt"

// Rcpt is SMFIC_RCPT: an envelope recipient, from RCPT TO.
type Rcpt struct {
	// Recipient is the address as the SMTP client sent it, usually in angle
	// brackets. It may be UTF-8 (SMTPUTF8, RFC 6531).
	Recipient []byte
	// Args are the ESMTP arguments in the client's order, such as
	// NOTIFY=NEVER. Decode reuses the slice.
	Args [][]byte
}

// CommandCode implements [Command].
func (*Rcpt) CommandCode() CommandCode { return CmdRcpt }

// Decode implements [Command].
func (m *Rcpt) Decode(data []byte) error {
	c := cursor{rest: data, name: CmdRcpt}
	m.Recipient = c.text()
	m.Args = c.texts(m.Args[:0])
	return c.done()
}

// Encode implements [Command].
func (m *Rcpt) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(CmdRcpt), CmdRcpt.String())
	e.textBytes(m.Recipient)
	e.textList(m.Args)
	return e.done()
}

// String implements [Command].
func (m *Rcpt) String() string { return fmt.Sprintf("%v %q %q", CmdRcpt, m.Recipient, m.Args) }
