package wire

import "fmt"

// Body is SMFIC_BODY: a chunk of the body, lines ended by CRLF. A line, and
// even a CRLF, may be cut between two chunks.
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
	e := encode(dst, byte(CmdBody), CmdBody.String())
	e.raw(m.Chunk)
	return e.done()
}

// String implements [Command].
func (m *Body) String() string { return fmt.Sprintf("%v %d bytes", CmdBody, len(m.Chunk)) }
