//go:build integration

package integration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestSmuggling sends a message in which a dot between bare LFs hides a second
// message. Whether Postfix is configured to deliver one message, two or none, a
// filter sees what is delivered.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	forged := "MAIL FROM:<eve@example.org>\r\nRCPT TO:<second@example.test>\r\nDATA\r\n" + from + "\r\nforged\r\n"
	tests := map[string]struct {
		setting string
		replies []int
		// bodies are the bodies of the delivered messages.
		bodies []string
		stages string // the last stages that the filter sees
	}{
		"taken for an end":    {"no", []int{250, 250, 250, 354, 250}, []string{"hello\r\n", "forged\r\n"}, "body|end of message|close"},
		"taken for a line":    {"normalize", []int{250}, []string{"hello\r\n" + forged}, "body|end of message|close"},
		"the message refused": {"reject", []int{550}, nil, "rcpt|data|abort|close"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{
				"smtpd_forbid_bare_newline": c.setting, "smtpd_forbid_bare_newline_exclusions": "",
				// By default, Postfix 3.10 disconnects a client that does not wait for the reply to a message.
				"smtpd_forbid_unauth_pipelining": "no",
			}})
			filter := start(t, "logall", "inet:0@127.0.0.1")
			mta.SetMilters(t, filter.address(t))
			t.Run("client", func(t *testing.T) {
				client := dial(t, mta)
				say(t, client, "MAIL FROM:<ann@example.org>", "RCPT TO:<first@example.test>")
				code, _ := client.Cmd("DATA")
				require.Equal(t, 354, code)
				require.NoError(t, client.Send([]byte(from+"\r\nhello\n.\n"+forged+".\r\n")))
				for _, want := range c.replies {
					code, text := client.Reply()
					assert.Equal(t, want, code, text)
				}
			})
			filter.await(t, func(l line) bool { return l.Str("msg") == "close" })
			var stages, seen, bodies []string
			for _, l := range filter.log(func(l line) bool { return l.Str("level") == "INFO" }) {
				stages = append(stages, l.Str("msg"))
				if l.Str("msg") == "body" {
					seen = append(seen, unprintable(t, l.Str("chunk")))
				}
			}
			assert.True(t, strings.HasSuffix(strings.Join(stages, "|"), c.stages), "%v", stages)
			if c.bodies == nil {
				mta.Sink().StaysEmpty(t, func(realmta.Delivered) bool { return true }, 300*time.Millisecond)
				return
			}
			for _, d := range mta.Sink().Wait(t, len(c.bodies)) {
				_, body, _ := strings.Cut(string(d.Data), "\r\n\r\n")
				bodies = append(bodies, body)
			}
			assert.Equal(t, c.bodies, seen)
			assert.ElementsMatch(t, c.bodies, bodies)
		})
	}
}
