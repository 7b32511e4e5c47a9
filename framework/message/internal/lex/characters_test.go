package lex_test

import (
	"encoding/base64"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

func TestCharacters(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		b := byte(c)
		_, noBase64 := base64.RawStdEncoding.DecodeString(string([]byte{b, 'A'}))
		lineEnd := b == '\r' || b == '\n' // which the decoder skips
		assert.Equal(t, noBase64 == nil && !lineEnd, lex.IsBase64(b), "%q", b)
		value, noHex := strconv.ParseUint(string([]byte{b}), 16, 8)
		assert.Equal(t, noHex == nil, lex.IsHex(b), "%q", b)
		if noHex == nil {
			assert.Equal(t, byte(value), lex.Unhex(b), "%q", b)
		}
		assert.Equal(t, b < 0x80, lex.IsASCII("a"+string([]byte{b})), "%q", b)
	}
	assert.True(t, lex.IsASCII(""))
}
