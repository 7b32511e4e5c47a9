package wire

import "fmt"

// Helo is SMFIC_HELO: the SMTP client said HELO or EHLO.
type Helo struct {
	// Name is the client's own name for itself.
	Name []byte
}

// CommandCode implements [Command].
func (*Helo) CommandCode() CommandCode { return CmdHelo }

// Decode implements [Command].
func (m *Helo) Decode(data []byte) error {
	c := cursor{rest: data, name: CmdHelo}
	m.Name = c.text()
	return c.closed()
}

// Encode implements [Command].
func (m *Helo) Encode(dst []byte) ([]byte, error) {
	e := encode(dst, byte(CmdHelo), CmdHelo.String())
	e.view(m.Name)
	return e.done()
}

// String implements [Command].
func (m *Helo) String() string { return fmt.Sprintf("%v %q", CmdHelo, m.Name) }
