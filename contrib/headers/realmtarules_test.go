//go:build integration

package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestEverydayRulesBehindMTAs refuses mail with our own domain in From, however it is
// written, compares facts, joins fields, and inserts above the Received of the MTA, behind
// real MTAs.
func TestEverydayRulesBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			checkSpellings(t, b)
			checkEnvelope(t, b)
			checkComparisons(t, b)
			checkFieldsOfMany(t, b)
			checkTopmost(t, b)
		})
	}
}

func checkSpellings(t *testing.T, b *behind) {
	t.Helper()
	b.use(t, parsed(t, spoofed))
	for from, ours := range spellings() {
		code, text, _ := b.send(t, session{from: "a@example.org", args: "BODY=8BITMIME"}, "From: "+from+"\nSubject: x\n\nbody\n")
		assert.Equal(t, map[bool]int{true: 550, false: 250}[ours], code, "%q: %s", from, text)
	}
}

// checkEnvelope checks that quotes and case evade no rule on the envelope.
func checkEnvelope(t *testing.T, b *behind) {
	t.Helper()
	for _, cond := range []string{"in: ann@example.test", `match: '^ann@example\.test$'`} {
		for _, addr := range []string{"ann@example.test", `"ann"@example.test`, `"a\nn"@EXAMPLE.test`} {
			b.use(t, parsed(t, "rules: [{when: {sender: {"+cond+"}}, do: [{reject: it holds}]}]"))
			code, text, _ := b.send(t, session{from: addr}, "From: a@example.org\n\nbody\n")
			assert.Equal(t, 550, code, "%s %s: %s", cond, addr, text)
			b.use(t, parsed(t, "rules: [{when: {recipient: {"+cond+"}}, do: [{reject: it holds}]}]"))
			code, text, _ = b.send(t, session{from: "a@example.org", to: []string{addr}}, "From: a@example.org\n\nbody\n")
			assert.Equal(t, 550, code, "%s %s: %s", cond, addr, text)
		}
	}
}

func checkComparisons(t *testing.T, b *behind) {
	t.Helper()
	b.use(t, parsed(t, `rules:
- when: {equal: {of: '{{ .Domain "From" }}', to: ['{{ domain .Sender }}', '{{ .Helo }}']}}
  do: [reject: it holds]`))
	for _, c := range []struct {
		from, helo, sender string
		code               int
	}{
		{"Ann <ann@EXAMPLE.org>", "", "a@example.ORG", 550},
		{"G: ann@example.org", "", "a@example.org", 550},
		{"ann@example.org, bob@example.org", "", "a@example.org", 250},
		{"ann@example.org", "", "a@sub.example.org", 250},
		{"ann@example.org", "example.org", "", 550},
		{"ann@example.org", "", "", 250},
	} {
		code, text, _ := b.send(t, session{from: c.sender, helo: c.helo}, "From: "+c.from+"\nSubject: x\n\nbody\n")
		assert.Equal(t, c.code, code, "%+v: %s", c, text)
	}
}

// delivered returns what arrives of a message with a header under rules that accept it.
// Sendmail repairs malformed addresses, so compare with what arrives of the message that is
// expected, under no rules.
func (b *behind) delivered(t *testing.T, rules, header string) string {
	t.Helper()
	b.use(t, parsed(t, rules))
	code, text, got := b.send(t, session{from: "a@example.org"}, header+"\nbody\n")
	require.Equal(t, 250, code, "%s: %s", rules, text)
	return compared(strings.ReplaceAll(got, "\r\n", "\n"))
}

func checkFieldsOfMany(t *testing.T, b *behind) {
	t.Helper()
	for _, tests := range []map[string]actionTest{joinTests(), nameListTests()} {
		for name, c := range tests {
			if name == "join an open group" {
				continue // Sendmail repairs it in another way after a change
			}
			assert.Equal(t, b.delivered(t, "rules: []", c.want), b.delivered(t, c.yaml(), c.header), name)
		}
	}
}

func checkTopmost(t *testing.T, b *behind) {
	t.Helper()
	b.use(t, parsed(t, `rules: [{do: [{insert: {name: X-Seen, value: '<{{ .Time "compact" }}.{{ .Unique }}@{{ .Domain "From" }}> for {{ .ShownRecipients }}', top: true}}]}]`))
	c := realmta.DialSMTP(t, b.mta.Addr())
	defer c.Close()
	c.Cmd("EHLO client.example.test")
	code, text := c.Deliver(realmta.Message{
		From: "a@example.org", To: []string{"shown@example.test", "hidden@example.test"},
		Data: []byte("From: a@example.org\r\nTo: Shown <shown@example.test>\r\nSubject: x\r\n\r\nbody\r\n"),
	})
	require.Equal(t, 250, code, text)
	got := string(b.mta.Sink().Await(t, realmta.ToRecipient("shown@example.test")).Data)
	assert.Regexp(t, `^X-Seen: <20\d{12}\.[a-z2-7]{26}@example\.org>\s+for\s+shown@example\.test\r\nReceived: `, got)
	assert.NotContains(t, strings.Split(got, "Received:")[0], "hidden")
}
