package headers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

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
  - replace: {name: X, value: '{{ .Value }} {{ .Match 1 }}', match: '((.*)*)*'}
  - rename: {name: Y, to: Z}
  - fold: X
  - unfold: Subject
  - reply_to: '{{ .Group "a" }} {{ .Sender }}'
  - limit: {name: W, max: 3}
  - delete: {name: V, match: '^(\w+\s?)*$'}
  - strip: {received: '(.*)*by (.*)*x'}
  - insert: {name: X-Subject, value: '{{ .Size }}'}
`

// TestHostileMessages checks that no message is lost and that the rules apply
// to every message.
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
		"no header at all": {},
	}
	for name, header := range tests {
		for flavor, option := range flavors() {
			t.Run(name+"/"+flavor, func(t *testing.T) {
				t.Parallel()
				msg := miltertest.Message("A: 1\n\nbody\n")
				msg.Header = append(header, mta.Field{Name: "W", Value: " end"})
				began := time.Now()
				res := miltertest.Run(t, parsed(t, everything), msg, option)
				res.AssertAccepted(t)
				assert.Less(t, time.Since(began), 4*time.Second)
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
	res := miltertest.Run(t, parsed(t, everything), msg)
	res.AssertAccepted(t)
	assert.Len(t, res.HeaderValues("W"), 3)
	assert.Len(t, res.HeaderValues("Z"), 1500)
	assert.Empty(t, res.HeaderValues("Y"))
}

// TestTooLong checks that a field stays unchanged if its new value is too long
// for the protocol.
func TestTooLong(t *testing.T) {
	t.Parallel()
	value := strings.Repeat("a", 63998)
	res := miltertest.Run(t, parsed(t, "rules: [{do: [{prefix: {name: X, text: 'ttt'}}, {add: {name: Y, value: y}}]}]"), miltertest.Message("X: "+value+"\n\nbody\n"))
	res.AssertAccepted(t)
	assert.Equal(t, value, res.Header("X"))
	assert.Equal(t, "y", res.Header("Y"))
	_, logged := res.Logs.Find("field not changed: new value too long")
	assert.True(t, logged)
}
