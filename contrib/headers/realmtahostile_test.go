//go:build integration

package headers_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestUTF8BehindPostfix tests rules with a message that has addresses and
// fields in UTF-8. Debian's Sendmail does not accept such a message.
func TestUTF8BehindPostfix(t *testing.T) {
	t.Parallel()
	b := newBehind(t, realmta.StartPostfix(t, realmta.PostfixConfig{}))
	b.use(t, parsed(t, `
rules:
- when: {sender: bücher.example}
  do:
  - prefix: {name: Subject, text: '[ext] '}
  - suffix: {name: Subject, text: ' – ende'}
  - add: {name: X-Sender, value: '{{ .Sender }}'}
`))
	code, text, got := b.send(t, session{from: "änn@bücher.example", args: "SMTPUTF8"}, "Subject: grüße\n\nhello\n")
	require.Equal(t, 250, code, text)
	assert.Equal(t, "Subject: [ext] grüße =?utf-8?q?=E2=80=93_ende?=\r\nX-Sender: änn@bücher.example\r\n\r\nhello\r\n", got)
}

// TestGeneratedBehindMTAs runs some of the configurations of TestGenerated
// behind the real MTAs. Sendmail cannot insert a field in the middle of a
// header by its number (docs/protocol.md), but the framework reaches the same
// place in another way. So the test compares the headers without exceptions.
func TestGeneratedBehindMTAs(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			for seed := range uint64(25) {
				d := drawn{rand.New(rand.NewPCG(seed, 1))}
				rules, h := d.possibleRules(), d.header()
				b.use(t, parsed(t, rulesYAML(rules)))
				code, text, got := b.send(t, session{from: "a@example.org"}, headerText(h)+"\nbody\n")
				require.Equal(t, 250, code, text)
				want := headerText(modelled(rules, h)) + "\nbody\n"
				assert.Equal(t, compared(want), compared(strings.ReplaceAll(got, "\r\n", "\n")), "%s\n%s", rulesYAML(rules), headerText(h))
			}
		})
	}
}

// TestHostileBehindMTAs checks that the real MTAs deliver edited messages that
// try to evade the rules.
func TestHostileBehindMTAs(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"empty":          "Subject:\nX:\nY:\nReply-To: \n",
		"only folds":     "Subject:\n \n \nX: \n\t\nY:\n \n",
		"no UTF-8":       "Subject: \xff\xfe\nX: \x80\nFrom: \xff <a@b.c>\n",
		"encoded badly":  "Subject: =?utf-8?q?=zz?= =?x?y?z?=\nX: =?=?=?=\n",
		"many":           strings.Repeat("W: w\nY: y\n", 50),
		"long":           "Subject: " + strings.Repeat("a", 2000) + "\nX: " + strings.Repeat("word ", 2000) + "\nV: " + strings.Repeat("a ", 900) + "!\n",
		"folded":         "Subject: a" + strings.Repeat("\n b", 500) + "\nX: a" + strings.Repeat("\n\t=?utf-8?q?a?=", 200) + "\n",
		"bad addresses":  "From: " + strings.Repeat("(", 500) + "\nTo: " + strings.Repeat("<", 500) + "\n",
		"of no standard": "Received: from x by y x\nDate: never\nMessage-ID: <<<>>>\n",
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			b.use(t, parsed(t, everything))
			for name, header := range tests {
				code, text, got := b.send(t, session{from: "a@example.org"}, header+"A: 1\n\nbody\n")
				require.Equal(t, 250, code, "%s: %s", name, text)
				assert.Regexp(t, `(?m)^X-Subject: \d+\r$`, got, name)
				assert.NotRegexp(t, `(?m)^Y:`, got, name)
				assert.LessOrEqual(t, strings.Count(got, "\r\nW: w\r\n"), 3, name)
				assert.True(t, strings.HasSuffix(got, "\r\n\r\nbody\r\n"), name)
			}
		})
	}
}

// TestManyRenamesBehindMTAs renames many fields. Postfix once refused 120
// renames.
func TestManyRenamesBehindMTAs(t *testing.T) {
	t.Parallel()
	const fields = 400
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			b.use(t, parsed(t, "rules: [{do: [{rename: {name: Y, to: Z}}]}]"))
			code, text, got := b.send(t, session{from: "a@example.org"}, strings.Repeat("Y: y\n", fields)+"\nbody\n")
			require.Equal(t, 250, code, text)
			assert.Equal(t, strings.Repeat("Z: y\r\n", fields)+"\r\nbody\r\n", got)
		})
	}
}
