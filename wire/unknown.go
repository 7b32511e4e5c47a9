package wire

import "fmt"

// Unknown is SMFIC_UNKNOWN: the SMTP client sent a command that the MTA does
// not know or does not implement.
type Unknown struct {
	// Line is the client's command line.
	Line []byte
}

// CommandCode implements [Command].
func (*Unknown) CommandCode() CommandCode { return CmdUnknown }

// Decode implements [Command].
func (m *Unknown) Decode(data []byte) error {
	c := cursor{rest: data, name: CmdUnknown}
	m.Line = c.text()
	return c.doneLenient()
}

// Encode implements [Command].
func (m *Unknown) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(CmdUnknown), CmdUnknown.String())
	e.textBytes(m.Line)
	return e.done()
}

// String implements [Command].
func (m *Unknown) String() string { return fmt.Sprintf("%v %q", CmdUnknown, m.Line) }
