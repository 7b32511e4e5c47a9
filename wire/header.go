package wire

import "fmt"

// Header is SMFIC_HEADER: one header field of the message.
type Header struct {
	Name []byte
	// Value is what stands after the colon, lines separated by LF or CRLF
	// as the MTA sends them. One leading space is missing unless
	// ProtoHdrLeadSpc was negotiated.
	Value []byte
}

// CommandCode implements [Command].
func (*Header) CommandCode() CommandCode { return CmdHeader }

// Decode implements [Command].
func (m *Header) Decode(data []byte) error {
	c := cursor{rest: data, name: CmdHeader}
	m.Name, m.Value = c.text(), c.text()
	return c.closed()
}

// Encode implements [Command].
func (m *Header) Encode(dst []byte) ([]byte, error) {
	e := encode(dst, byte(CmdHeader), CmdHeader.String())
	e.view(m.Name)
	e.view(m.Value)
	return e.done()
}

// String implements [Command].
func (m *Header) String() string { return fmt.Sprintf("%v %q %q", CmdHeader, m.Name, m.Value) }
