package headers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// everything edits all fields in every way and uses expensive patterns.
const everything = `
rules:
- when: {any: [{malformed: rfc5322}, {duplicated: [X, Subject]}, {matches: {name: X, match: '(a+)+$', decoded: true}}, {absent: X}]}
  do:
  - add: {name: X-Malformed, value: '{{ .Match 0 }}'}
- do:
  - prefix: {name: Subject, text: '[größe] '}
  - suffix: {name: Subject, text: ' (x)'}
  - replace: {name: X, value: '{{ .Value }} {{ .Match 1 }}', match: '(?P<a>(.*)*)*'}
  - rename: {name: Y, to: Z}
  - fold: X
  - unfold: Subject
  - reply_to: '{{ .Group "a" }} {{ .Sender }}'
  - limit: {name: W, max: 3}
  - delete: {name: V, match: '^(\w+\s?)*$'}
  - strip: {received: '(.*)*by (.*)*x'}
  - insert: {name: X-Subject, value: '{{ .Size }}'}
- when:
    any:
    - addresses: {name: [From, To, Cc, Resent-*], in: [.example.org, bücher.example], match: '^(a+)+$', every: true}
    - not: {equal: {of: '{{ .Address "From" }}{{ .ShownRecipients }}', to: '{{ .Domain "To" }}{{ .Time "unix" }}'}}
  do:
  - join: [To, Cc, Bcc, Reply-To]
  - delete: [U, T-*]
`

// patient gives handlers more time than a test has, so that on a busy machine none is
// given up.
func patient() miltertest.Option {
	return miltertest.Configure(func(c *framework.Config) {
		c.HandlerTimeout, c.MessageTimeout = time.Hour, time.Hour
	})
}

// TestHostileMessages checks that no message is lost and that the rules apply
// to every message. That the cost of a long field is linear, package message tests.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64000)
	tests := map[string][]mta.Field{
		"bare CR":          {{Name: "Subject", Value: " a\rb"}, {Name: "X", Value: " \r"}, {Name: "Y", Value: " y\ry"}},
		"CRLF":             {{Name: "Subject", Value: " a\r\n b"}, {Name: "Y", Value: " y\r\n y"}},
		"long":             {{Name: "Subject", Value: " " + long}, {Name: "X", Value: " " + long + "b"}, {Name: "Y", Value: " " + long}, {Name: "V", Value: " " + long + "!"}},
		"long and folded":  {{Name: "Subject", Value: strings.Repeat(" a\n", 20000) + " b"}, {Name: "X", Value: strings.Repeat(" =?utf-8?q?a?=\n", 4000) + " b"}},
		"only folds":       {{Name: "Subject", Value: "\n \n \n "}, {Name: "X", Value: "\n\t\n "}, {Name: "Y", Value: "\n "}},
		"empty":            {{Name: "Subject"}, {Name: "X"}, {Name: "Y"}, {Name: "Reply-To"}},
		"no UTF-8":         {{Name: "Subject", Value: " \xff\xfe"}, {Name: "X", Value: " \x80"}, {Name: "From", Value: " \xff <a@b.c>"}},
		"encoded badly":    {{Name: "Subject", Value: " =?utf-8?q?=zz?= =?x?y?z?= =?utf-8?b?!!!?="}, {Name: "X", Value: " =?=?=?="}},
		"strange names":    {{Name: "X\x80Y", Value: " 1"}, {Name: "a" + strings.Repeat("b", 900), Value: " 2"}, {Name: "Subject ", Value: " 3"}},
		"addresses":        {{Name: "From", Value: " " + strings.Repeat("(", 30000)}, {Name: "To", Value: strings.Repeat(" a@b.c,", 9000)}, {Name: "Cc", Value: " " + strings.Repeat("<", 30000)}},
		"dates":            {{Name: "Date", Value: " " + strings.Repeat("(", 30000)}, {Name: "Message-ID", Value: " " + strings.Repeat("<a@b>", 9000)}},
		"references":       {{Name: "References", Value: strings.Repeat(" <a@b>", 9000)}, {Name: "In-Reply-To", Value: " " + strings.Repeat("\"", 30001)}},
		"two of 64 kB":     {{Name: "To", Value: strings.Repeat(" a@b.c,", 8000)}, {Name: "To", Value: strings.Repeat(" a@b.c,", 8000)}, {Name: "Cc", Value: " \"" + long[:30000]}, {Name: "Cc", Value: " \"" + long[:30000]}},
		"long labels":      {{Name: "From", Value: strings.Repeat(" a@"+strings.Repeat("ä", 120)+",", 250)}, {Name: "Cc", Value: " a@" + strings.Repeat("ä.", 20000)}, {Name: "To", Value: " " + strings.Repeat("=?utf-8?q?a=40?=", 3000)}},
		"no header at all": {},
	}
	for name, header := range tests {
		for flavor, option := range flavors() {
			t.Run(name+"/"+flavor, func(t *testing.T) {
				t.Parallel()
				msg := miltertest.Message("A: 1\n\nbody\n")
				msg.Header = append(header, mta.Field{Name: "W", Value: " end"})
				res := miltertest.Run(t, parsed(t, everything), msg, option, patient())
				res.AssertAccepted(t)
				assert.NotEmpty(t, res.HeaderValues("X-Subject"), "the rules were there")
				assert.Empty(t, res.HeaderValues("Y"))
				assert.Equal(t, []string{"end"}, res.HeaderValues("W"))
			})
		}
	}
}

// TestManyFields edits thousands of fields.
func TestManyFields(t *testing.T) {
	t.Parallel()
	msg := miltertest.Message(strings.Repeat("W: w\nY: y\n", 1500) + "\nbody\n")
	res := miltertest.Run(t, parsed(t, everything), msg, patient())
	res.AssertAccepted(t)
	assert.Len(t, res.HeaderValues("W"), 3)
	assert.Len(t, res.HeaderValues("Z"), 1500)
	assert.Empty(t, res.HeaderValues("Y"))
}

// TestLongLists checks that a list of addresses that is too long stays, and is not cut.
func TestLongLists(t *testing.T) {
	t.Parallel()
	list := strings.Repeat("Ann <ann@example.org>,\n ", 2680) + "bob@example.org"
	encoded := strings.Repeat("Änn <ann@example.org>,\n ", 1800) + "bob@example.org"
	for name, value := range map[string]string{"long": list, "long when encoded": encoded} {
		for _, do := range []string{again("To"), "reply_to: '{{ .Address \"X\" }}{{ .Value }}'"} {
			field := map[bool]string{true: "To", false: "Reply-To"}[strings.HasPrefix(do, "replace")]
			res := miltertest.Run(t, parsed(t, "rules: [{do: [{"+do+"}]}]"), miltertest.Message(field+": "+value+"\n\nbody\n"))
			res.AssertUnmodified(t)
			assert.Equal(t, 1, strings.Count(res.Logs.String(), "INFO field not changed: new value too long"), name)
		}
	}
}

// TestTooLong checks that a field stays unchanged if its new value is too long
// for the protocol.
func TestTooLong(t *testing.T) {
	t.Parallel()
	value := strings.Repeat("a", 63998)
	res := miltertest.Run(t, parsed(t, "rules: [{do: [{prefix: {name: X, text: 'ttt'}}, {add: {name: Y, value: y}}]}]"),
		miltertest.Message("X: "+value+"\nX: "+value+"\n\nbody\n"))
	res.AssertAccepted(t)
	assert.Equal(t, value, res.Header("X"))
	assert.Equal(t, "y", res.Header("Y"))
	assert.Equal(t, 1, strings.Count(res.Logs.String(), "INFO field not changed: new value too long"))
	line, _ := res.Logs.Find("field not changed: new value too long")
	fields, _ := miltertest.LogAttr(line, "fields")
	assert.EqualValues(t, 2, fields.Int64())
}

// TestBlankLines checks that a value with a line of white space alone, which the obsolete
// syntax allows, does not get a message refused when a rule changes the value.
func TestBlankLines(t *testing.T) {
	t.Parallel()
	for do, want := range map[string]string{
		"prefix: {name: X, text: '[x] '}":             "[x] a  b",
		"suffix: {name: X, text: ' [x]'}":             "a  b [x]",
		"replace: {name: X, value: '{{ .Value }} x'}": "a  b x",
		"fold: X":                  "a  b",
		"unfold: X":                "a  b",
		"rename: {name: X, to: Y}": "",
	} {
		for flavor, option := range flavors() {
			for _, value := range []string{" a\n \n b", " a\n\t\n b"} {
				msg := miltertest.Message("\nbody\n")
				msg.Header = []mta.Field{{Name: "X", Value: value}}
				res := miltertest.Run(t, parsed(t, "rules: [{do: [{"+do+"}]}]"), msg, option)
				res.AssertAccepted(t)
				assert.Equal(t, want, strings.ReplaceAll(res.Header("X"), "\t", " "), "%s: %s", flavor, do)
			}
		}
	}
}
