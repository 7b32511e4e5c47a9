package wire

// BufferLen returns the size of the decoder's buffer.
func (d *Decoder) BufferLen() int { return len(d.buf) }

// Constants that tests need.
const (
	SmallBuffer = smallBuffer
	LargeBuffer = largeBuffer
	HugeBuffer  = hugeBuffer
	PoisonByte  = poisonByte
	MaxStrings  = maxStrings
)
