package message_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/message"
)

func TestDecodeText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content, want string
		known         bool
	}{
		"iso-8859-1":   {"gr\xfc\xdfe\r\n\x00", "grüße\r\n\x00", true},
		"utf-8":        {"a\xff", "a\ufffd", true},
		"":             {"\xe4", "ä", true},
		"x-none\u202e": {"a\xe4", "aä", false},
	} {
		text, known := message.DecodeText(name, []byte(c.content))
		assert.Equal(t, c.want, text, name)
		assert.Equal(t, c.known, known, name)
	}
}
