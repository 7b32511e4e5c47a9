package wire

import "fmt"

// ReplaceBody is SMFIR_REPLBODY: a chunk of the body that takes the place of
// the message's, smfi_replacebody. The chunks of a message must follow each
// other without another modification between them.
type ReplaceBody struct {
	// Chunk has lines ended by CRLF, and at most MaxBodyChunk bytes. After
	// Decode it is borrowed from the frame.
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
	e := encode(dst, byte(RepReplBody), RepReplBody.String())
	e.raw(m.Chunk)
	if len(m.Chunk) > MaxBodyChunk {
		e.fail("a chunk of more than 65535 bytes")
	}
	return e.done()
}

// String implements [Reply].
func (m *ReplaceBody) String() string { return fmt.Sprintf("%v %d bytes", RepReplBody, len(m.Chunk)) }
