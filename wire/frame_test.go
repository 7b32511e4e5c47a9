package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

func TestAppendFrame(t *testing.T) {
	t.Parallel()
	got := wire.AppendFrame(text("x"), wire.Frame{Code: 'H', Data: text("ab\x00")})
	assert.Equal(t, "x\x00\x00\x00\x04Hab\x00", string(got))
	assert.Equal(t, "\x00\x00\x00\x01T", string(wire.AppendFrame(nil, wire.Frame{Code: 'T'})))
}

// The header and the chunk together equal the frame that ReplaceBody encodes.
func TestAppendBodyFrame(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 300, wire.MaxBodyChunk} {
		chunk := make([]byte, size)
		want, err := (&wire.ReplaceBody{Chunk: chunk}).Encode(text("x"))
		require.NoError(t, err)
		assert.Equal(t, want, append(wire.AppendBodyFrame(text("x"), size), chunk...))
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	head := wire.AppendFrame(nil, wire.Frame{Code: 'T'})
	assert.Len(t, head, wire.HeaderLen)
	body := wire.AppendBodyFrame(nil, wire.MaxBodyChunk)
	assert.Equal(t, "\x00\x01\x00\x00b", string(body), "the largest chunk is at the default limit")
	assert.Equal(t, 0x10000, wire.DefaultLimit)
	assert.Equal(t, 0x40000, wire.Limit256K)
	assert.Equal(t, 0x100000, wire.Limit1M)
}
