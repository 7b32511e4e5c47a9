package wire

import "fmt"

// Body is SMFIC_BODY: one chunk of the message body, with lines ended by CRLF.
// A chunk may end anywhere, even between a CR and its LF.
type Body struct {
	Chunk []byte
}

// CommandCode implements [Command].
func (*Body) CommandCode() CommandCode { return CmdBody }

// Decode implements [Command].
func (m *Body) Decode(data []byte) error {
	m.Chunk = data
	return nil
}

// Encode implements [Command].
func (m *Body) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(CmdBody), CmdBody.String())
	e.raw(m.Chunk)
	return e.done()
}

// String implements [Command].
func (m *Body) String() string { return fmt.Sprintf("%v %d bytes", CmdBody, len(m.Chunk)) }
