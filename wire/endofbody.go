package wire

import "fmt"

// EndOfBody is SMFIC_BODYEOB: the end of the message. It may carry the last
// chunk of the body.
type EndOfBody struct {
	Chunk []byte
}

// CommandCode implements [Command].
func (*EndOfBody) CommandCode() CommandCode { return CmdBodyEOB }

// Decode implements [Command].
func (m *EndOfBody) Decode(data []byte) error {
	m.Chunk = data
	return nil
}

// Encode implements [Command].
func (m *EndOfBody) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(CmdBodyEOB), CmdBodyEOB.String())
	e.raw(m.Chunk)
	return e.done()
}

// String implements [Command].
func (m *EndOfBody) String() string { return fmt.Sprintf("%v %d bytes", CmdBodyEOB, len(m.Chunk)) }
