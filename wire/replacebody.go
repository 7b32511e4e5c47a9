package wire

import "fmt"

// ReplaceBody is SMFIR_REPLBODY: one chunk of a new body, as smfi_replacebody
// sends it. The chunks of a message together replace its body. They must follow
// one another without another modification between them.
type ReplaceBody struct {
	// Chunk has lines ended by CRLF and at most MaxBodyChunk bytes. After
	// Decode it points into the frame.
	Chunk []byte
}

// ReplyCode implements [Reply].
func (*ReplaceBody) ReplyCode() ReplyCode { return RepReplBody }

// Decode implements [Reply].
func (m *ReplaceBody) Decode(data []byte) error {
	m.Chunk = data
	return nil
}

// Encode implements [Reply].
func (m *ReplaceBody) Encode(dst []byte) ([]byte, error) {
	e := newEncoder(dst, byte(RepReplBody), RepReplBody.String())
	e.raw(m.Chunk)
	if len(m.Chunk) > MaxBodyChunk {
		e.fail("chunk of more than 65535 bytes")
	}
	return e.done()
}

// String implements [Reply].
func (m *ReplaceBody) String() string { return fmt.Sprintf("%v %d bytes", RepReplBody, len(m.Chunk)) }
