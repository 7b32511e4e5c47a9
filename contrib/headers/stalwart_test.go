package headers_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestActionsBehindStalwart performs the actions of TestActions behind Stalwart, which sends
// few macros, repeats the header in the body, and shows and writes values as they are. The
// places of new fields are not compared, because Stalwart chooses them.
func TestActionsBehindStalwart(t *testing.T) {
	t.Parallel()
	all := actionTests()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, parsed(t, c.yaml()), miltertest.Message(c.header+"\nbody\n"), miltertest.As(miltertest.Stalwart()))
			res.AssertAccepted(t)
			assert.ElementsMatch(t, fieldsIn(c.want), fieldsIn(headerOf(res)))
			assert.Equal(t, "body\r\n", res.Body(), "the header does not get into the body")
		})
	}
}

// fieldsIn returns the fields of a header. Stalwart writes the lines of new values as they
// come, which is with CRLF.
func fieldsIn(header string) []string {
	unfolded := strings.NewReplacer("\r", "", "\n ", "\x00 ", "\n\t", "\x00\t").Replace(strings.TrimSuffix(header, "\n"))
	return strings.Split(unfolded, "\n")
}

// TestQuarantineBehindStalwart shows that Stalwart delivers a quarantined message, with the
// reason in a field.
func TestQuarantineBehindStalwart(t *testing.T) {
	t.Parallel()
	res := miltertest.Run(t, parsed(t, "rules: [{do: [{add: {name: X, value: x}}, {quarantine: a test}]}]"),
		miltertest.Message("A: 1\n\nbody\n"), miltertest.As(miltertest.Stalwart()))
	res.AssertAccepted(t)
	assert.Equal(t, "X-Quarantine: a test\nA: 1\nX: x\n", headerOf(res))
}

// TestVerdictsBehindStalwart rejects a message once, whatever Stalwart still sends.
func TestVerdictsBehindStalwart(t *testing.T) {
	t.Parallel()
	for rules, want := range map[string]string{
		"rules: [{when: {present: A}, do: [{reject: no}]}]":                                    "550 5.7.1 no",
		"rules: [{when: {sender: sender@example.org}, do: [{reject: {code: 451, text: no}}]}]": "451 4.7.1 no",
	} {
		res := miltertest.Run(t, parsed(t, rules), miltertest.Message("A: 1\n\nbody\n"), miltertest.As(miltertest.Stalwart()))
		assert.Equal(t, want, res.Reply(), rules)
	}
}
