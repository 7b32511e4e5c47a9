//go:build integration

package integration_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

const (
	added   = "X-Client-IP: 127.0.0.1\r\n"
	newBody = "The body\r\n.was removed.\r\n"
)

// listenOn returns an address of each kind for a filter of this Postfix.
func listenOn(kind string, mta *realmta.Postfix, name string) string {
	if kind == "unix" {
		return "unix:" + filepath.Join(mta.SocketDir(), name) + "?mode=0666"
	}
	return "inet:0@127.0.0.1"
}

// dial connects a client and sends EHLO.
func dial(t *testing.T, mta *realmta.Postfix) *realmta.Client {
	t.Helper()
	c := realmta.DialSMTP(t, mta.Addr())
	code, text := c.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
	return c
}

// TestMessages sends all samples through the three filters, several over each
// connection. One logall before the others sees what was sent, and another one
// after them sees what is delivered.
func TestMessages(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"tcp", "unix"} {
		for _, change := range []bool{false, true} {
			name := kind + map[bool]string{false: " body kept", true: " body replaced"}[change]
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
				first := start(t, "logall", listenOn(kind, mta, "first.sock"), "-limit", "100000")
				last := start(t, "logall", listenOn(kind, mta, "last.sock"), "-limit", "100000")
				chain := []*process{first, start(t, "addheaderip", listenOn(kind, mta, "add.sock"))}
				if change {
					chain = append(chain, start(t, "changebody", listenOn(kind, mta, "change.sock"), "-text", newBody))
				}
				chain = append(chain, last)
				var addresses []string
				for _, p := range chain {
					addresses = append(addresses, p.address(t))
				}
				mta.SetMilters(t, addresses...)
				sendAll(t, mta, first, last, change)
			})
		}
	}
}

// perConnection is how many messages go over one SMTP connection.
const perConnection = 9

func sendAll(t *testing.T, mta *realmta.Postfix, first, last *process, change bool) {
	t.Helper()
	for batch := range slices.Chunk(samples(t), perConnection) {
		c := dial(t, mta)
		for i, s := range batch {
			t.Run(s.name, func(t *testing.T) {
				code, text := c.Deliver(s.Message)
				require.Equal(t, 250, code, text)
				after := s
				after.header += added
				if change {
					after.body = newBody
				}
				got := mta.Sink().Await(t, realmta.ToRecipient(s.To[0]))
				equal(t, after.header+"\r\n"+after.body, string(got.WithoutTrace()))
				assert.Equal(t, s.From, got.From)
				assert.ElementsMatch(t, s.To, got.To)
				queue := queueID(t, text)
				checkLog(t, first, queue, i+1, s)
				checkLog(t, last, queue, i+1, after)
			})
		}
		_, _ = c.Cmd("QUIT")
	}
}

// queueID returns the queue ID in the reply to the data of a message.
func queueID(t *testing.T, text string) string {
	t.Helper()
	_, id, found := strings.Cut(text, "queued as ")
	require.True(t, found, text)
	return id
}

// equal compares texts that may be long.
func equal(t *testing.T, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	at := 0
	for at < min(len(want), len(got)) && want[at] == got[at] {
		at++
	}
	clip := func(s string) string { return s[max(0, min(at-40, len(s))):min(at+80, len(s))] }
	assert.Fail(t, "bytes differ", "from byte %d of %d and %d on\nwant %q\ngot  %q",
		at, len(want), len(got), clip(want), clip(got))
}
