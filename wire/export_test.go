package wire

// BufferLen tells the tests how large a buffer the decoder holds.
func (d *Decoder) BufferLen() int { return len(d.buf) }

// What the tests know about buffers.
const (
	SmallBuffer = smallBuffer
	LargeBuffer = largeBuffer
	HugeBuffer  = hugeBuffer
	PoisonByte  = poisonByte
	MaxStrings  = maxStrings
)
