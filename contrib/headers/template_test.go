package headers_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// rendered returns the output of a template in a rule whose pattern matches the
// subject.
func rendered(t *testing.T, text string, opts ...miltertest.MessageOption) string {
	t.Helper()
	filter, err := headers.New(headers.Config{Rules: []headers.Rule{{
		Name: "the rule",
		When: headers.Any{headers.Matches{Name: "Subject", Match: `^(\w+) (?P<second>\w+)(?P<third> never)?`}, headers.Absent{Name: "X"}},
		Do:   []headers.Action{headers.Add{Name: "X", Value: text}},
	}}})
	require.NoError(t, err)
	opts = append([]miltertest.MessageOption{
		miltertest.Client("192.0.2.7"), miltertest.ClientName("c.example"), miltertest.Helo("Me"),
		miltertest.From("ann@example.org"), miltertest.To("bob@example.net", "eve@example.net"), miltertest.QueueID("4Q"),
	}, opts...)
	res := miltertest.Run(t, filter, miltertest.Message("Subject: one\n two\n\nbody\n", opts...))
	res.AssertAccepted(t)
	return res.Header("X")
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"client":             {"{{ .Client.Addr }} {{ .Client.Name }} {{ .Client.Port }}", "192.0.2.7 c.example 54321"},
		"helo":               {"{{ .Helo }}", "Me"},
		"envelope":           {"{{ .Sender }}: {{ .Recipients }}", "ann@example.org: bob@example.net, eve@example.net"},
		"queue id":           {"{{ .QueueID }}={{ .Macro \"i\" }}={{ .Macro \"{i}\" }}", "4Q=4Q=4Q"},
		"rule":               {"{{ .Rule }}", "the rule"},
		"size":               {"{{ .Size }}", "28"},
		"groups":             {"{{ .Match 0 }}|{{ .Match 1 }}|{{ .Group \"second\" }}", "one two|one|two"},
		"group without text": {"[{{ .Match 3 }}{{ .Group \"third\" }}]", "[]"},
		"no login":           {"[{{ .Auth }}]", "[]"},
		"default":            {`{{ .Auth | default "nobody" }} {{ .Helo | default "none" }}`, "nobody Me"},
		"functions":          {`{{ .Helo | lower }} {{ upper .Helo }} {{ .Helo | lower | upper }}`, "me ME ME"},
		"if":                 {`{{ if .Auth }}yes{{ else if eq .Helo "Me" }}me{{ else }}no{{ end }}`, "me"},
		"if alone":           {`[{{ if .Auth }}yes{{ end }}]`, "[]"},
		"comparisons":        {`{{ eq .Helo "a" "Me" }} {{ ne .Helo "Me" }} {{ not .Auth }}`, "true  true"},
		"and, or":            {`{{ and .Helo .Auth }}|{{ or .Auth .Helo "x" }}|{{ and .Helo "y" }}|{{ or .Auth }}`, "|Me|y|"},
		"parentheses":        {`{{ if and (eq .Helo "Me") (not (.Auth | default "")) }}x{{ end }}`, "x"},
		"space cut":          {"a {{- .Helo -}} b", "aMeb"},
		"comment":            {"a{{/* no */}}b", "ab"},
		"braces":             {`{{ "{{" }}`, "{{"},
		"a tab stays":        {"a\tb", "a\tb"},
		"parts of addresses": {`{{ local .Sender }}@{{ domain .Sender }} {{ "\"A b\"@BÜCHER.example" | local }} {{ domain "ann" }}{{ local "" }}`, "ann@example.org A b"},
		"domains":            {`{{ domains .Recipients }}|{{ domains "a@B.c, G: d@b.C;, e@bücher.example, f" }}|{{ domains "" }}`, "example.net|b.c, xn--bcher-kva.example|"},
		"spaces at the ends": {"  {{ .Helo }}  ", "Me"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, rendered(t, c.text))
		})
	}
}

func TestDate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		assert.Regexp(t, `^Sat, 01 Jan 2000 \d\d:00:00 [+-]\d{4}$`, rendered(t, "{{ .Date }}"))
	})
}

func TestTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const text = `{{ .Time "compact" }} {{ .Time "rfc3339" }} {{ .Time "unix" }}`
		assert.Equal(t, "20000101000000 2000-01-01T00:00:00Z 946684800", rendered(t, text))
	})
}

// TestUnique checks that the fact is the same in a message, differs between messages of one
// connection, and may stand in a Message-ID.
func TestUnique(t *testing.T) {
	t.Parallel()
	filter := parsed(t, `rules: [{do: [{add: {name: Message-ID, value: '<{{ .Time "compact" }}.{{ .Unique }}@mx.example.org>'}}, {add: {name: X, value: '{{ .Unique }}'}}]}, {when: {malformed: Message-ID}, do: [reject: x]}]`)
	conn := miltertest.NewServer(t, filter).Dial(t)
	seen := make(map[string]bool)
	for range 20 {
		res := conn.Run(t, miltertest.Message(plain))
		res.AssertAccepted(t)
		unique := res.Header("X")
		assert.Regexp(t, "^[a-z2-7]{26}$", unique)
		assert.Contains(t, res.Header("Message-ID"), "."+unique+"@")
		assert.False(t, seen[unique])
		seen[unique] = true
	}
}

// TestShownRecipients checks that no recipient of Bcc is shown.
func TestShownRecipients(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"To: Bob <BOB@example.net>\n":                          "bob@example.net|example.net",
		"Cc: g: bob@example.net, eve@xn--bcher-kva.example;\n": "bob@example.net, eve@bücher.example|example.net, xn--bcher-kva.example",
		"Resent-To: eve@bücher.example\nTo: x@y.z\n":           "eve@bücher.example|xn--bcher-kva.example",
		"Bcc: bob@example.net\n":                               "|",
		"To: \"bob@example.net\" <x@y.z>\n":                    "|",
		"To: undisclosed-recipients:;\n":                       "|",
	} {
		for flavor, option := range flavors() {
			filter := parsed(t, "rules: [{do: [{add: {name: X, value: '{{ .ShownRecipients }}|{{ domains .ShownRecipients }}'}}]}]")
			msg := miltertest.Message(header+"\nbody\n", miltertest.To("bob@example.net", "eve@bücher.example", "hidden@example.com"))
			assert.Equal(t, want, miltertest.Run(t, filter, msg, option).Header("X"), "%s: %s", flavor, header)
		}
	}
}

func TestFactMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{{ .Time }}`:              `.Time takes one argument, as in .Time "compact"`,
		`{{ .Time "RFC3339" }}`:    `.Time "RFC3339": no such form (did you mean rfc3339?); the forms are compact, rfc3339, unix; the time as in the field Date is .Date`,
		`{{ .Time "%Y" }}`:         `no such form; the forms are`,
		`{{ .Time 1 }}`:            `invalid argument of .Time: 1; write it as in .Time "compact"`,
		`{{ .Match "x" }}`:         `invalid argument of .Match: "x"; write it as in .Match 1`,
		`{{ .Unique "x" }}`:        `.Unique takes no argument`,
		`{{ .Address "X-*" }}`:     `one field name is needed here`,
		`{{ domain }}`:             `wrong number of arguments for domain: 0`,
		`{{ domain .Sender "x" }}`: `wrong number of arguments for domain: 2`,
		`{{ .Shown }}`:             `unknown fact .Shown`,
	} {
		_, err := headers.New(headers.Config{Rules: []headers.Rule{{Do: []headers.Action{headers.Add{Name: "X", Value: text}}}}})
		require.ErrorContains(t, err, want, text)
	}
}

// TestHostileFacts checks that clients cannot inject line ends.
func TestHostileFacts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ helo, want string }{
		"CR LF":          {"a\r\nBcc: eve", "a Bcc: eve"},
		"LF":             {"a\nBcc: eve", "a Bcc: eve"},
		"fold":           {"a\r\n b", "a  b"},
		"empty line":     {"a\r\n\r\nbody", "a body"},
		"other controls": {"\x01a\x1b[2J\x7fb", "a [2J b"},
		"8 bit":          {"\xff\xfe", "\xff\xfe"},
		"only controls":  {"\r\n\r\n", ""},
		"template":       {"{{ .Sender }}", "{{ .Sender }}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, rendered(t, "{{ .Helo }}", miltertest.Helo(c.helo)))
			assert.Equal(t, c.want, rendered(t, `{{ .Macro "daemon_name" }}`, miltertest.Macro(framework.StageConnect, "daemon_name", c.helo)))
		})
	}
}

// TestLongFacts checks that values are folded at 78 columns, words are folded
// at 998, and output is truncated to 60,000 bytes.
func TestLongFacts(t *testing.T) {
	t.Parallel()
	for name, helo := range map[string]string{
		"words":         strings.Repeat("word ", 2000) + "end",
		"one word":      strings.Repeat("x", 30000),
		"UTF-8":         strings.Repeat("ü", 15000),
		"no UTF-8":      strings.Repeat("\x80", 5000),
		"spaces":        "a" + strings.Repeat(" ", 5000) + "b",
		"spaces, full":  strings.Repeat("x", 70) + strings.Repeat(" ", 100) + "Bcc:eve@example.net",
		"spaces first":  strings.Repeat(" ", 79) + strings.Repeat("y", 78),
		"tabs":          strings.Repeat("a\t", 5000) + "b",
		"long and long": strings.Repeat("x", 997) + " " + strings.Repeat("y", 999),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{"{{ .Helo }}", "{{ .Helo }} {{ .Helo }} {{ .Helo }}"} {
				got := rendered(t, text, miltertest.Helo(helo))
				assertFolded(t, "X", got)
				whole := strings.ReplaceAll(text, "{{ .Helo }}", helo)
				if len(whole) <= 60000 && (name == "words" || name == "tabs") {
					assert.Equal(t, whole, strings.ReplaceAll(got, "\n", ""), "nothing but folds")
				}
				assert.Equal(t, compact(whole)[:min(len(compact(got)), len(compact(whole)))], compact(got))
			}
		})
	}
}

func compact(text string) string {
	return strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(text)
}

// assertFolded asserts that a value is valid on the wire.
func assertFolded(t testing.TB, name, value string) {
	t.Helper()
	assert.LessOrEqual(t, len(value), 64000)
	assert.NotContains(t, value, "\r")
	assert.NotContains(t, value, "\x00")
	for i, line := range strings.Split(value, "\n") {
		width := len(line)
		if i == 0 {
			width += len(name) + 2
		} else if assert.NotEmpty(t, line) {
			assert.Contains(t, " \t", line[:1], "a line begins with a space")
			assert.NotEmpty(t, strings.Trim(line, " \t"), "a line has something on it")
		}
		assert.LessOrEqual(t, width, 998)
	}
}
