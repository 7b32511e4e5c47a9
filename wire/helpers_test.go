package wire_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

// packet puts a length before a code and its data, without the code under
// test.
func packet(codeAndData string) []byte {
	p := binary.BigEndian.AppendUint32(nil, uint32(len(codeAndData)))
	return append(p, codeAndData...)
}

// frameOf is the frame that packet(codeAndData) carries. Its data has no room
// behind it, so that a decoder that reads too far is caught.
func frameOf(codeAndData string) wire.Frame {
	return wire.Frame{Code: codeAndData[0], Data: slices.Clip([]byte(codeAndData[1:]))}
}

type encoder interface {
	Encode(dst []byte) ([]byte, error)
}

// requireEncodes checks a message's bytes, and that they are appended to what
// was there.
func requireEncodes(t *testing.T, codeAndData string, m encoder) {
	t.Helper()
	got, err := m.Encode(nil)
	require.NoError(t, err)
	require.Equal(t, packet(codeAndData), got)

	got, err = m.Encode([]byte("before"))
	require.NoError(t, err)
	assert.Equal(t, append([]byte("before"), packet(codeAndData)...), got)
}

// requireUnencodable checks that a message is refused for the reason given and
// that the buffer is handed back as it was.
func requireUnencodable(t *testing.T, name, reason string, m encoder) {
	t.Helper()
	dst := append(make([]byte, 0, 256), "before"...)
	got, err := m.Encode(dst)
	var bad *wire.ValueError
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, wire.ValueError{Message: name, Reason: reason}, *bad)
	assert.Equal(t, "before", string(got))
}

func requireViolation(t *testing.T, err error, name, reason string) {
	t.Helper()
	var bad *wire.ProtocolError
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, wire.ProtocolError{Message: name, Reason: reason}, *bad)
}

// cuts checks a decoder against every beginning of its data: those of the
// lengths listed are messages too, all others are violations.
func cuts(t *testing.T, codeAndData string, valid []int, parse func(wire.Frame) error) {
	t.Helper()
	ok := map[int]bool{len(codeAndData) - 1: true}
	for _, n := range valid {
		ok[n] = true
	}
	for n := range codeAndData {
		err := parse(frameOf(codeAndData[:n+1]))
		if ok[n] {
			assert.NoErrorf(t, err, "%d bytes of data", n)
			continue
		}
		var bad *wire.ProtocolError
		assert.ErrorAsf(t, err, &bad, "%d bytes of data", n)
	}
}
