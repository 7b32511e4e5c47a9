package wire

import "fmt"

// Helo is SMFIC_HELO: the SMTP client sent HELO or EHLO.
type Helo struct {
	// Name is the name by which the client identified itself.
	Name []byte
}

// CommandCode implements [Command].
func (*Helo) CommandCode() CommandCode { return CmdHelo }

// Decode implements [Command].
func (m *Helo) Decode(data []byte) error {
	c := cursor{rest: data, name: CmdHelo}
	m.Name = c.text()
	return c.doneLenient()
}

// Encode implements [Command].
func (m *Helo) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(CmdHelo), CmdHelo.String())
	e.textBytes(m.Name)
	return e.done()
}

// String implements [Command].
func (m *Helo) String() string { return fmt.Sprintf("%v %q", CmdHelo, m.Name) }
