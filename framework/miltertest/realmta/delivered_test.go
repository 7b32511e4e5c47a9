package realmta_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

const trace = "Received: from client.example.test (localhost [127.0.0.1])\r\n" +
	"\tby mx.example.test (Postfix) with ESMTP id 1F\r\n\tfor <b@example.test>; a date\r\n"

func TestDeliveredTrace(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ data, trace, rest string }{
		"on top":            {trace + "A: b\r\n\r\nx\r\n", trace, "A: b\r\n\r\nx\r\n"},
		"below an inserted": {"X: y\r\n\tz\r\n" + trace + "\r\nx", trace, "X: y\r\n\tz\r\n\r\nx"},
		"only the first":    {trace + trace + "\r\n", trace, trace + "\r\n"},
		"another host's":    {"Received: by other (Postfix)\r\n\r\n", "", "Received: by other (Postfix)\r\n\r\n"},
		"not in the body":   {"A: b\r\n\r\n" + trace, "", "A: b\r\n\r\n" + trace},
		"header cut off":    {"A: b", "", "A: b"},
		"nothing":           {"", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := realmta.Delivered{Data: []byte(tt.data)}
			assert.Equal(t, tt.trace, d.Trace())
			assert.Equal(t, tt.rest, string(d.WithoutTrace()))
			assert.Equal(t, tt.data, string(d.Data), "the message itself must not change")
		})
	}
}
