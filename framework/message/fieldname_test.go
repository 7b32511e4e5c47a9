package message_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/message"
)

func TestCheckFieldName(t *testing.T) {
	t.Parallel()
	const advice = "; write printable ASCII characters without space and colon"
	for _, c := range []struct{ name, want string }{
		{"Subject", ""},
		{"X-!#$%&'*+./=?^_`{|}~", ""},
		{"0", ""},
		{strings.Repeat("x", 900), ""},
		{"", "the field name is empty" + advice},
		{strings.Repeat("x", 901), `the field name "xxxxxxxxxxxxxxxxxxxx"… is longer than 900 bytes; write a shorter one`},
		{"Subject:", `"Subject:" is not a valid field name` + advice},
		{"Subject ", `"Subject " is not a valid field name` + advice},
		{"Two words", `"Two words" is not a valid field name` + advice},
		{"Größe", `"Größe" is not a valid field name` + advice},
		{"X\r\nBcc", `"X\r\nBcc" is not a valid field name` + advice},
		{"X\x7f", `"X\x7f" is not a valid field name` + advice},
		{"X\x00", `"X\x00" is not a valid field name` + advice},
	} {
		err := message.CheckFieldName(c.name)
		if c.want == "" {
			assert.NoError(t, err, "%q", c.name)
		} else {
			assert.EqualError(t, err, c.want)
		}
	}
}
