package wire

import "encoding/binary"

// Sizes of the protocol, in bytes.
const (
	// HeaderLen is the size of a frame without its data: a length of four
	// bytes and the code.
	HeaderLen = 5
	// MaxBodyChunk is the maximum size of one body chunk:
	// MILTER_CHUNK_SIZE.
	MaxBodyChunk = 65535
	// DefaultLimit is the maximum length of a frame unless another one was
	// negotiated: MILTER_MAX_DATA_SIZE plus one byte for the code.
	DefaultLimit = 65535 + 1
	// Limit256K is the maximum length of a frame after SMFIP_MDS_256K was
	// negotiated.
	Limit256K = 256*1024 - 1 + 1
	// Limit1M is the maximum length of a frame after SMFIP_MDS_1M was
	// negotiated.
	Limit1M = 1024*1024 - 1 + 1
)

const lengthLen = 4

// Frame is one packet: a code and its data. The code is a CommandCode if the
// MTA sent the frame and a ReplyCode if the filter sent it. Data that a
// [Decoder] returned points into its buffer.
type Frame struct {
	Code byte
	Data []byte
}

// AppendFrame appends a frame with the given code and data to dst. It is for
// tools that forward frames. Messages encode themselves.
func AppendFrame(dst []byte, f Frame) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(f.Data)+1)) //nolint:gosec // a frame in memory is far below 4 GiB
	dst = append(dst, f.Code)
	return append(dst, f.Data...)
}

// AppendBodyFrame appends the header of a SMFIR_REPLBODY frame to dst. The
// caller writes the chunk of n bytes that belongs to it, so that a large chunk
// is not copied. n must not exceed MaxBodyChunk.
func AppendBodyFrame(dst []byte, n int) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(n+1)) //nolint:gosec // at most MaxBodyChunk
	return append(dst, byte(RepReplBody))
}
