package wire

import "encoding/binary"

// Sizes of the protocol, in bytes.
const (
	// HeaderLen is what a frame costs beside its data: a length of four
	// bytes and the code.
	HeaderLen = 5
	// MaxBodyChunk is the most that one body chunk carries,
	// MILTER_CHUNK_SIZE.
	MaxBodyChunk = 65535
	// DefaultLimit is the most that a frame may announce where nothing
	// else was negotiated: MILTER_MAX_DATA_SIZE and the code.
	DefaultLimit = 65535 + 1
	// Limit256K is the limit after SMFIP_MDS_256K was negotiated.
	Limit256K = 256*1024 - 1 + 1
	// Limit1M is the limit after SMFIP_MDS_1M was negotiated.
	Limit1M = 1024*1024 - 1 + 1
)

const lengthLen = 4

// Frame is one packet: a code, which is a CommandCode or a ReplyCode by who
// sent it, and its data. The data is borrowed from the decoder.
type Frame struct {
	Code byte
	Data []byte
}

// AppendFrame appends a frame with the given code and data to dst. It is for
// tools that pass frames on; messages encode themselves.
func AppendFrame(dst []byte, f Frame) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(f.Data)+1)) //nolint:gosec // a frame in memory is far below 4 GiB
	dst = append(dst, f.Code)
	return append(dst, f.Data...)
}

// AppendBodyFrame appends only the head of a SMFIR_REPLBODY frame whose chunk
// of n bytes the caller writes itself, so that a large chunk need not be
// copied. n is at most MaxBodyChunk.
func AppendBodyFrame(dst []byte, n int) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(n+1)) //nolint:gosec // at most MaxBodyChunk
	return append(dst, byte(RepReplBody))
}
