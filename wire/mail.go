package wire

import "fmt"

// Mail is SMFIC_MAIL: an envelope sender, from MAIL FROM.
type Mail struct {
	// Sender is the address as the SMTP client gave it, usually in angle
	// brackets. It may be UTF-8 (SMTPUTF8, RFC 6531).
	Sender []byte
	// Args are the ESMTP arguments in the order given, such as SIZE=1000.
	// Decode reuses the slice.
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
	e := encode(dst, byte(CmdMail), CmdMail.String())
	e.view(m.Sender)
	e.views(m.Args)
	return e.done()
}

// String implements [Command].
func (m *Mail) String() string { return fmt.Sprintf("%v %q %q", CmdMail, m.Sender, m.Args) }
