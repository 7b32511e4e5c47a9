package wire_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
)

// packet returns a frame with a correct length, built without the code under
// test.
func packet(codeAndData string) []byte {
	p := binary.BigEndian.AppendUint32(nil, uint32(len(codeAndData)))
	return append(p, codeAndData...)
}

// frameOf returns the frame in packet(codeAndData). Its data has no spare
// capacity, so that a decoder that reads too far panics.
func frameOf(codeAndData string) wire.Frame {
	return wire.Frame{Code: codeAndData[0], Data: slices.Clip([]byte(codeAndData[1:]))}
}

type encoder interface {
	Encode(dst []byte) ([]byte, error)
}

// requireEncodes checks a message's encoding, and that Encode appends it to the
// buffer.
func requireEncodes(t *testing.T, codeAndData string, m encoder) {
	t.Helper()
	got, err := m.Encode(nil)
	require.NoError(t, err)
	require.Equal(t, packet(codeAndData), got)

	got, err = m.Encode([]byte("before"))
	require.NoError(t, err)
	assert.Equal(t, append([]byte("before"), packet(codeAndData)...), got)
}

// requireUnencodable checks that Encode fails for the given reason and returns
// the buffer unchanged.
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

// cuts decodes every prefix of a message's data. Prefixes of the given lengths
// are valid messages, and all others are protocol violations.
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
