package wire

import "fmt"

// Header is SMFIC_HEADER: one header field of the message.
type Header struct {
	Name []byte
	// Value is the text after the colon. Its lines are separated by LF or
	// CRLF, depending on the MTA. Unless ProtoHdrLeadSpc was negotiated,
	// the MTA removes one leading space.
	Value []byte
}

// CommandCode implements [Command].
func (*Header) CommandCode() CommandCode { return CmdHeader }

// Decode implements [Command].
func (m *Header) Decode(data []byte) error {
	c := cursor{rest: data, name: CmdHeader}
	m.Name, m.Value = c.text(), c.text()
	return c.doneLenient()
}

// Encode implements [Command].
func (m *Header) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(CmdHeader), CmdHeader.String())
	e.textBytes(m.Name)
	e.textBytes(m.Value)
	return e.done()
}

// String implements [Command].
func (m *Header) String() string { return fmt.Sprintf("%v %q %q", CmdHeader, m.Name, m.Value) }
