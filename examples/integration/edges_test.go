//go:build integration

package integration_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestEmptyNewBody replaces a body with an empty one.
func TestEmptyNewBody(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	filter := start(t, "changebody", "inet:0@127.0.0.1", "-text", "")
	mta.SetMilters(t, filter.address(t))
	code, text := dial(t, mta).Deliver(hello("empty@example.test"))
	require.Equal(t, 250, code, text)
	got := mta.Sink().Await(t, realmta.ToRecipient("empty@example.test"))
	assert.Equal(t, from+"\r\n", string(got.WithoutTrace()))
}

// TestMendedHeaders sends headers that Postfix repairs. Postfix repairs them
// before it sends them to a filter, so the filter sees what is delivered.
func TestMendedHeaders(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	filter := start(t, "logall", "inet:0@127.0.0.1", "-limit", "100000")
	mta.SetMilters(t, filter.address(t))
	tests := map[string]struct{ sent, becomes string }{
		"none":                   {"", ""},
		"NUL":                    {from + "Subject: a\x00b\r\n", from + "Subject: a\r\n"},
		"CR":                     {from + "Subject: a\rb\r\n", from + "Subject: a b\r\n"},
		"space before the colon": {from + "Subject : x\r\n", from + "Subject: x\r\n"},
		"a mailbox's first line": {"From ann Sun Nov 22\r\n" + from, "X-Mailbox-Line: From ann Sun Nov 22\r\n" + from},
		"fields that it drops":   {from + "Bcc: eve@example.org\r\nReturn-Path: <x@example.org>\r\nContent-Length: 7\r\n", from},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			m := hello("mended@example.test")
			m.Data = []byte(c.sent + "\r\nhello\r\n")
			code, text := dial(t, mta).Deliver(m)
			require.Equal(t, 250, code, text)
			got := mta.Sink().Await(t, realmta.Containing(queueID(t, text)))
			assert.Equal(t, c.becomes+"\r\nhello\r\n", string(got.WithoutTrace()))
			s := sample{header: c.becomes, body: "hello\r\n"}
			s.From, s.To = m.From, m.To
			checkLog(t, filter, queueID(t, text), 1, s)
		})
	}
}
