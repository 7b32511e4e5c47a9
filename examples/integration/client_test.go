//go:build integration

package integration_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// hello returns a message to one recipient.
func hello(to string) realmta.Message {
	return realmta.Message{From: "ann@example.org", To: []string{to}, Data: []byte(from + "\r\nhello\r\n")}
}

// TestClients shows what logall logs about clients that do more than to send
// messages one after the other.
func TestClients(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{
		"smtpd_recipient_restrictions": "check_recipient_access inline:{{nobody@example.test = REJECT unknown here}}",
	}})
	filter := start(t, "logall", "inet:0@127.0.0.1")
	mta.SetMilters(t, filter.address(t))

	content := []string{"data", "header", "end of headers", "body", "end of message"}
	tests := map[string]struct {
		talk   func(t *testing.T, c *realmta.Client)
		stages []string // after "connect"
	}{
		"leaves without a word": {
			func(*testing.T, *realmta.Client) {},
			[]string{"close"},
		},
		"leaves in the middle of the envelope": {
			func(t *testing.T, c *realmta.Client) {
				t.Helper()
				say(t, c, "HELO a", "MAIL FROM:<ann@example.org>")
			},
			[]string{"helo", "mail", "abort", "close"},
		},
		"leaves in the middle of the data": {
			func(t *testing.T, c *realmta.Client) {
				t.Helper()
				say(t, c, "HELO a", "MAIL FROM:<ann@example.org>", "RCPT TO:<half@example.test>")
				code, text := c.Cmd("DATA")
				require.Equal(t, 354, code, text)
				require.NoError(t, c.Send([]byte(from+"\r\nhalf a mess")))
			},
			[]string{"helo", "mail", "rcpt", "data", "abort", "close"},
		},
		"resets": {
			func(t *testing.T, c *realmta.Client) {
				t.Helper()
				say(t, c, "HELO a", "MAIL FROM:<ann@example.org>", "RCPT TO:<reset@example.test>", "RSET", "RSET", "NOOP")
				code, text := c.Deliver(hello("after@example.test"))
				require.Equal(t, 250, code, text)
				say(t, c, "RSET")
				_, _ = c.Cmd("QUIT")
			},
			slices.Concat([]string{"helo", "mail", "rcpt", "abort", "mail", "rcpt"}, content, []string{"close"}),
		},
		"says hello twice": {
			func(t *testing.T, c *realmta.Client) {
				t.Helper()
				say(t, c, "HELO a", "EHLO b", "MAIL FROM:<ann@example.org>", "HELO c")
				code, text := c.Deliver(hello("twice@example.test"))
				require.Equal(t, 250, code, text)
				_, _ = c.Cmd("QUIT")
			},
			slices.Concat([]string{"helo", "helo", "mail", "abort", "helo", "mail", "rcpt"}, content, []string{"close"}),
		},
		"sends what Postfix refuses": {
			func(t *testing.T, c *realmta.Client) {
				t.Helper()
				say(t, c, "HELO a")
				code, _ := c.Cmd("WHAT\x07 is this")
				assert.Equal(t, 500, code)
				say(t, c, "MAIL FROM:<ann@example.org>")
				code, _ = c.Cmd("RCPT TO:<nobody@example.test>")
				assert.Equal(t, 554, code)
				_, _ = c.Cmd("QUIT")
			},
			[]string{"helo", "unknown", "mail", "rcpt", "abort", "close"},
		},
	}
	// The clients run one after the other, because a session is found by
	// the time at which it began.
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			session := sessionOf(t, mta, filter, c.talk)
			closed := filter.await(t, func(l line) bool { return l["session"] == session && l.Str("msg") == "close" })
			require.NotEmpty(t, closed)
			var stages []string
			for _, l := range filter.log(func(l line) bool { return l["session"] == session && l.Str("level") == "INFO" }) {
				stages = append(stages, l.Str("msg"))
			}
			assert.Equal(t, append([]string{"connect"}, c.stages...), stages)
		})
	}
	mta.Sink().StaysEmpty(t, func(d realmta.Delivered) bool {
		return slices.Contains(d.To, "half@example.test") || slices.Contains(d.To, "reset@example.test")
	}, 200*time.Millisecond)

	unknown := filter.await(t, func(l line) bool { return l.Str("msg") == "unknown" })
	shown := `WHAT\a`
	if realmta.AtLeast(mta, "3.10") { // earlier versions show the first word alone
		shown += " is this"
	}
	assert.Equal(t, shown, unknown.Str("line"))
	refused := filter.await(t, func(l line) bool { return l["rejected"] == true })
	assert.Equal(t, "<nobody@example.test>", refused.Str("recipient"))
	assert.Equal(t, map[string]any{
		"rcpt_mailer": "error", "rcpt_host": "5.7.1",
		"rcpt_addr": "Recipient address rejected: unknown here",
	}, refused["macros"])
}

// sessionOf runs a client until it quits and returns the name of its session.
func sessionOf(t *testing.T, mta *realmta.Postfix, filter *process, talk func(*testing.T, *realmta.Client)) any {
	t.Helper()
	isConnect := func(l line) bool { return l.Str("msg") == "connect" }
	before := len(filter.log(isConnect))
	t.Run("client", func(t *testing.T) { talk(t, realmta.DialSMTP(t, mta.Addr())) })
	require.Eventually(t, func() bool { return len(filter.log(isConnect)) > before }, limit, 5*time.Millisecond)
	return filter.log(isConnect)[before]["session"]
}

// say sends commands, which must succeed.
func say(t *testing.T, c *realmta.Client, commands ...string) {
	t.Helper()
	for _, command := range commands {
		code, text := c.Cmd(command)
		require.Equal(t, 250, code, "%s: %s", command, text)
	}
}
