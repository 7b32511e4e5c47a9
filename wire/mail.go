package wire

import "fmt"

// Mail is SMFIC_MAIL: the envelope sender, from MAIL FROM.
type Mail struct {
	// Sender is the address as the SMTP client sent it, usually in angle
	// brackets. It may be UTF-8 (SMTPUTF8, RFC 6531).
	Sender []byte
	// Args are the ESMTP arguments in the client's order, such as
	// SIZE=1000. Decode reuses the slice.
	Args [][]byte
}

// CommandCode implements [Command].
func (*Mail) CommandCode() CommandCode { return CmdMail }

// Decode implements [Command].
func (m *Mail) Decode(data []byte) error {
	c := cursor{rest: data, name: CmdMail}
	m.Sender = c.text()
	m.Args = c.texts(m.Args[:0])
	return c.done()
}

// Encode implements [Command].
func (m *Mail) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(CmdMail), CmdMail.String())
	e.textBytes(m.Sender)
	e.textList(m.Args)
	return e.done()
}

// String implements [Command].
func (m *Mail) String() string { return fmt.Sprintf("%v %q %q", CmdMail, m.Sender, m.Args) }
