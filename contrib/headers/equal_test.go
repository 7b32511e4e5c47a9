package headers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// equalTests are conditions that compare facts, and sessions for which they hold and for
// which they do not.
func equalTests() map[string]struct {
	when, from   string // the condition, and the header
	holds, fails []miltertest.MessageOption
} {
	type test = struct {
		when, from   string
		holds, fails []miltertest.MessageOption
	}
	const author = `equal: {of: '{{ .Address "From" }}', to: ['{{ .Auth }}', '{{ .Auth }}@example.org']}`
	return map[string]test{
		"HELO and host name": {
			"equal: {of: '{{ .Helo }}', to: '{{ .Client.Name }}'}", "From: a@b.c\n",
			options(miltertest.Helo("MX.bücher.example."), miltertest.ClientName("mx.xn--bcher-kva.example")),
			options(miltertest.Helo("mx.example"), miltertest.ClientName("mx.example.org")),
		},
		"From and the login": {author, "From: Ann <Ann@Example.org>\n", options(miltertest.Auth("ann@example.org")), options(miltertest.Auth("bob@example.org"))},
		"the login alone":    {author, "From: \"ann\"@example.org\n", options(miltertest.Auth("ANN")), options(miltertest.Auth("an"))},
		"From and the sender": {
			`equal: {of: '{{ .Domain "From" }}', to: '{{ domain .Sender }}'}`, "From: (a@b.c) Group <ann@EXAMPLE.org>\n",
			options(miltertest.From("x@example.ORG.")), options(miltertest.From("x@sub.example.org")),
		},
		"local parts":   {`equal: {of: '{{ .Address "From" | local }}', to: '{{ local .Sender }}'}`, "From: ann@a.b\n", options(miltertest.From("Ann@c.d")), options(miltertest.From("bob@a.b"))},
		"a constant":    {`equal: {of: '{{ .Helo }}', to: [localhost, "[127.0.0.1]"]}`, "From: a@b.c\n", options(miltertest.Helo("LOCALHOST")), options(miltertest.Helo("local"))},
		"a group":       {`all: [{matches: {name: X, match: 'id=(\w+)'}}, {equal: {of: '{{ .Match 1 }}', to: '{{ .Helo }}'}}]`, "X: id=seven\n", options(miltertest.Helo("Seven")), options(miltertest.Helo("eight"))},
		"both empty":    {`equal: {of: '{{ .Address "From" }}', to: '{{ .Sender }}'}`, "To: a@b.c\n", options(miltertest.From("")), options(miltertest.From("a@b.c"))},
		"two addresses": {`equal: {of: '{{ .Address "From" }}', to: ''}`, "From: a@b.c, d@e.f\n", nil, options()},
		"the rule":      {`equal: {of: '{{ .Rule }}', to: '{{ .Helo }}'}`, "To: a@b.c\n", options(miltertest.Helo("compare")), options(miltertest.Helo("before"))},
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	for name, c := range equalTests() {
		for flavor, option := range flavors() {
			t.Run(name+"/"+flavor, func(t *testing.T) {
				t.Parallel()
				filter := parsed(t, "rules: [{name: before, do: [{delete: Q}]}, {name: compare, when: {"+c.when+"}, do: [{reject: it holds}]}]")
				miltertest.Run(t, filter, miltertest.Message(c.from+"\nbody\n", c.holds...), option).AssertRejected(t)
				if name != "two addresses" {
					miltertest.Run(t, filter, miltertest.Message(c.from+"\nbody\n", c.fails...), option).AssertUnmodified(t)
				}
			})
		}
	}
}

// TestOnlyAddress checks that a fact about an address is empty where a sender could have
// written another beside it.
func TestOnlyAddress(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"From: Ann <ann@Example.org>\n":                  "ann@Example.org example.org",
		"From: G: \"a n n\"@bücher.example;\n":           `"a n n"@bücher.example xn--bcher-kva.example`,
		"From: =?utf-8?q?ann=40example.org?=\n":          "ann@example.org example.org",
		"From: ann@example.org, bob@example.org\n":       "",
		"From: ann@example.org\nfrom: ann@example.org\n": "",
		"From: ann\n":               "",
		"From: two words\n":         "",
		"From:\n":                   "",
		"Sender: ann@example.org\n": "",
	} {
		filter := parsed(t, `rules: [{do: [{add: {name: X, value: '{{ .Address "From" }} {{ .Domain "From" }}'}}]}]`)
		res := miltertest.Run(t, filter, miltertest.Message(header+"\nbody\n"))
		assert.Equal(t, want, res.Header("X"), header)
	}
}

func TestEqualMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"equal: {of: a, to: b}":                              "x.yaml:2:17: rule 1: Equal: no text has a fact in it, such as {{ .Helo }}, so the result is the same for every message",
		"equal: {of: a, to: [b, c]}":                         "no text has a fact in it",
		"equal: {of: '{{ .Helo }}'}":                         "rule 1: Equal: To: want at least one text to compare with",
		"equal: {of: '{{ .Helo }}', to: [x, '{{ .Helo }}']}": "x.yaml:2:45: rule 1: Equal: To/2: a text is compared with itself",
		"equal: {of: '{{ .Hello }}', to: x}":                 "x.yaml:2:22: rule 1: Equal: Of: unknown fact .Hello (did you mean .Helo?)",
		"equal: {of: x, to: '{{ .Value }}'}":                 "Equal: To/1: .Value is the value of a field that is changed; nothing is changed here",
		"equal: {of: x, to: '{{ .Match 1 }}'}":               "no pattern of this rule can have matched before",
		"equal: [a, b]":                                      "want a mapping with of, to, got a list",
		"equal: {of: x, to: '{{ .Address }}'}":               `.Address takes one argument, as in .Address "From"`,
		"equal: {of: x, to: '{{ .Domain From }}'}":           `invalid argument of .Domain: From; write it as in .Domain "From"`,
		"equal: {of: x, to: '{{ .Domain \"X-*\" }}'}":        "one field name is needed here",
		"equal: {of: x, to: '{{ .Address \"a b\" }}'}":       `"a b" is not a valid field name`,
	} {
		_, err := headers.Parse("x.yaml", []byte(whenever(text)))
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want)
	}
}
